// SPDX-License-Identifier: GPL-2.0

//! Rule bank-count: the card has one memory bank, and its node says so.
//!
//! `kfd_create_vcrat_image_gpu()` (`kfd_crat.c`) makes one bank of all VRAM, public or private.

use super::*;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    let listed = evidence.node.properties.mem_banks_count();
    let found = evidence.node.banks_found;
    let verdict = match (listed.known(), found.known()) {
        (Some(1), Some(1)) => Verdict::Truth,
        (Some(1), None) | (None, Some(1)) | (None, None) => Verdict::Unknown,
        _ => Verdict::Lie,
    };
    Some(Judgement {
        expected: Shown::number(1),
        observed: Shown::Both(("listed:", listed), (",found:", found)),
        verdict,
    })
}
