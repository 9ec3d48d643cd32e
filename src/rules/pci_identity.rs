// SPDX-License-Identifier: GPL-2.0

//! The node is the device that sits at its place on the PCI bus.
//!
//! KFD copies `vendor_id` and `device_id` from the PCI core (`kfd_topology_add_device()`), so a
//! difference was made.

use crate::facts::{
    pci::Occupant,
    value::Value, //
};

use super::{
    judge::Verdict,
    Evidence,
    Judgement,
    Rule,
    Scope,
    Shown, //
};

pub(super) const RULE: Rule = Rule {
    name: "pci-identity",
    scope: Scope::Card,
    needs_pci: true,
    judge,
};

fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    let properties = &evidence.node.properties;
    let (vendor, device) = (properties.vendor_id(), properties.device_id());
    let (expected, verdict) = match evidence.card.occupant {
        Occupant::Function(id) => (
            Shown::id(id),
            match (vendor.known(), device.known()) {
                (Some(vendor), Some(device)) => Verdict::truth_if(
                    vendor == u64::from(id.vendor) && device == u64::from(id.device),
                ),
                _ => Verdict::Unknown,
            },
        ),
        Occupant::Nobody => (Shown::Words("nobody"), Verdict::Lie),
        Occupant::Unknown => (
            Shown::Ids(Value::Unreadable, Value::Unreadable),
            Verdict::Unknown,
        ),
    };
    Some(Judgement {
        expected,
        observed: Shown::Ids(vendor, device),
        verdict,
    })
}
