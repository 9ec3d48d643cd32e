// SPDX-License-Identifier: GPL-2.0

//! Rule pci-identity: the node is the device at its address on the PCI bus.
//!
//! KFD copies `vendor_id` and `device_id` from the PCI core (`kfd_topology_add_device()`), so only
//! a modification causes a mismatch.

use super::*;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    let properties = &evidence.node.properties;
    let (vendor, device) = (properties.vendor_id(), properties.device_id());
    let expected = evidence.function.map(|function| function.id);
    let verdict = match (expected, vendor.known(), device.known()) {
        (Some(id), Some(vendor), Some(device)) => {
            Verdict::truth_if(vendor == id.vendor.into() && device == id.device.into())
        }
        _ => Verdict::Unknown,
    };
    Some(Judgement {
        expected: expected.map_or(Shown::Ids(Value::Unreadable, Value::Unreadable), Shown::id),
        observed: Shown::Ids(vendor, device),
        verdict,
    })
}
