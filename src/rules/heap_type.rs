// SPDX-License-Identifier: GPL-2.0

//! Rule heap-type: every bank of the card is VRAM.
//!
//! KFD gives a discrete GPU's node one framebuffer heap: public if the CPU can reach all of it
//! through the BAR, else private (`kfd_create_vcrat_image_gpu()` and `kfd_parse_subtype_mem()`,
//! `kfd_crat.c`). This rule accepts either; the rule heap-bar decides between them.

use super::*;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    Some(Judgement::of(
        Shown::Words("fb_public|fb_private"),
        evidence.bank.heap_type(),
        Shown::Heap,
        |heap| {
            heap == u64::from(uapi::HSA_MEM_HEAP_TYPE_FB_PUBLIC)
                || heap == u64::from(uapi::HSA_MEM_HEAP_TYPE_FB_PRIVATE)
        },
    ))
}
