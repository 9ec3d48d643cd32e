// SPDX-License-Identifier: GPL-2.0

//! Rule heap-bar: the CPU can reach all of a public heap through the BAR.
//!
//! `fb_public` tells user space that the CPU can map all of the bank
//! (`kfd_create_vcrat_image_gpu()`, `kfd_crat.c`). `fb_private` behind a large BAR passes: amdgpu's
//! `vis_vramlimit` does that, and it claims less than there is.

use super::*;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    let bar0 = evidence
        .function
        .map_or(Value::Unreadable, |function| function.bar0_bytes);
    let size = evidence.bank.size_in_bytes();
    let verdict = match evidence.bank.heap_type().known() {
        None => Verdict::Unknown,
        Some(heap) if heap != u64::from(uapi::HSA_MEM_HEAP_TYPE_FB_PUBLIC) => Verdict::Truth,
        Some(_) => match (bar0.known(), size.known()) {
            (Some(bar0), Some(size)) => Verdict::truth_if(bar0 >= size),
            _ => Verdict::Unknown,
        },
    };
    Some(Judgement {
        expected: Shown::Labelled("bar0:", bar0),
        observed: Shown::HeapOf(evidence.bank.heap_type(), size),
        verdict,
    })
}
