// SPDX-License-Identifier: GPL-2.0

//! Rule bank-flags: no bank of the card has a flag.
//!
//! KFD gives VRAM banks only `CRAT_SUBTYPE_FLAGS_ENABLED` (`kfd_fill_gpu_memory_affinity()`,
//! `kfd_crat.c`), which shows as 0. A patch that sets `HSA_MEM_FLAGS_HOT_PLUGGABLE` announces
//! memory that the card does not have.

use super::*;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    Some(Judgement::of(
        Shown::hex(0),
        evidence.bank.flags(),
        Shown::Hex,
        |flags| flags == 0,
    ))
}
