// SPDX-License-Identifier: GPL-2.0

//! The bank is not empty, and no larger than any board of this device.
//!
//! KFD prints the size of VRAM less what the firmware keeps
//! (`amdgpu_amdkfd_get_local_mem_info()`).

use super::{
    Evidence,
    Judgement,
    Rule,
    Scope,
    Shown, //
};

/// The most VRAM on a board with this device, in bytes: 8 GiB on the RX 5700 and 5700 XT. The RX
/// 5600 XT has 6 GiB. The Pro W5700, also with 8 GiB, is another device, 0x7312.
const LARGEST_BOARD_BYTES: u64 = 8 << 30;

pub(super) const RULE: Rule = Rule {
    name: "bank-size",
    scope: Scope::Bank,
    needs_pci: false,
    judge,
};

fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    Some(Judgement::of(
        Shown::AtMost(LARGEST_BOARD_BYTES),
        evidence.bank.size_in_bytes(),
        Shown::Number,
        |bytes| (1..=LARGEST_BOARD_BYTES).contains(&bytes),
    ))
}
