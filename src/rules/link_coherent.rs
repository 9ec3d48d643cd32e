// SPDX-License-Identifier: GPL-2.0

//! The link from the CPU to the card is not coherent.
//!
//! KFD marks it `HSA_IOLINK_FLAGS_NON_COHERENT` on PCI Express
//! (`kfd_set_iolink_non_coherent()`, `kfd_topology.c`). There is such a link only where the whole
//! of VRAM can be reached through the BAR.

use super::*;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    let flags = evidence.node.links.from_cpu;
    let verdict = match flags {
        Value::Absent => return None,
        // An old kernel, which leaves all link flags 0, or a link that is not filled in yet:
        // a link that KFD has filled in is ENABLED.
        Value::Unreadable | Value::Known(0) => Verdict::Unknown,
        Value::Known(flags) if flags & u64::from(uapi::HSA_IOLINK_FLAGS_NON_COHERENT) != 0 => {
            Verdict::Truth
        }
        // Older kernels mark links ENABLED and no more. Those that print this line, from 5.19
        // on, mark them in full.
        Value::Known(_) if evidence.node.properties.p2p_links_count() == Value::Absent => {
            Verdict::Unknown
        }
        Value::Known(_) => Verdict::Lie,
    };
    Some(Judgement {
        expected: Shown::Words("NON_COHERENT"),
        observed: Shown::Hex(flags),
        verdict,
    })
}
