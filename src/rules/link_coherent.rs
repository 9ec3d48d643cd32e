// SPDX-License-Identifier: GPL-2.0

//! Rule link-coherent: the link from the CPU to the card is not coherent.
//!
//! KFD marks it `HSA_IOLINK_FLAGS_NON_COHERENT` on PCI Express (`kfd_set_iolink_non_coherent()`,
//! `kfd_topology.c`). The link exists only if the CPU can reach all of VRAM through the BAR.

use super::*;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    let flags = evidence.node.links.from_cpu;
    let verdict = match flags {
        Value::Absent => return None,
        // Flags of 0: an old kernel, which sets no link flags, or a link that KFD has not filled in
        // yet. A link that KFD has filled in is ENABLED.
        Value::Unreadable | Value::Known(0) => Verdict::Unknown,
        Value::Known(flags) if flags & u64::from(uapi::HSA_IOLINK_FLAGS_NON_COHERENT) != 0 => {
            Verdict::Truth
        }
        // Older kernels set only ENABLED. Kernels that print this line, from 5.19 on, set all
        // flags.
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
