// SPDX-License-Identifier: GPL-2.0

//! Rule bank-size: a bank is not empty, and not larger than the card's VRAM.
//!
//! KFD's bank is all VRAM that amdgpu found (`amdgpu_amdkfd_get_local_mem_info()`,
//! `amdgpu_amdkfd.c`). amdgpu prints that size as `mem_info_vram_total`. A bank may be smaller:
//! `debug_mask` has an option for that.

use super::*;

/// The most VRAM on a board with this device, in bytes: 8 GiB on the RX 5700 and 5700 XT. The RX
/// 5600 XT has 6 GiB. The Pro W5700 has 8 GiB, but is another device, 0x7312.
const LARGEST_BOARD_BYTES: u64 = 8 << 30;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    let is_compared = evidence.node.basis == Basis::Function;
    let function = evidence.function.filter(|_| is_compared);
    let vram = function.and_then(|function| function.vram_total_bytes.known());
    let limit = vram
        .filter(|&vram| vram != 0)
        .unwrap_or(LARGEST_BOARD_BYTES);
    let mut judgement = Judgement::of(
        Shown::Labelled("1..", Value::Known(limit)),
        evidence.bank.size_in_bytes(),
        Shown::Number,
        |bytes| (1..=limit).contains(&bytes),
    );
    // Some board has this much; unknown whether this one does.
    if judgement.verdict == Verdict::Truth && evidence.pci_known && !is_compared {
        judgement.verdict = Verdict::Unknown;
    }
    Some(judgement)
}
