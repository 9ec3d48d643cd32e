// SPDX-License-Identifier: GPL-2.0

//! Rule host-coherent: the host cannot reach the card's memory coherently.
//!
//! KFD sets the bit only for APUs that run as an application processor and for cards with an XGMI
//! link to the CPU (`kfd_topology_add_device()`).

use super::*;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    Some(Judgement::of(
        Shown::Words("no-COHERENTHOSTACCESS"),
        evidence.node.properties.capability(),
        Shown::Hex,
        |capability| capability & u64::from(uapi::HSA_CAP_FLAGS_COHERENTHOSTACCESS) == 0,
    ))
}
