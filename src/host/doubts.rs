// SPDX-License-Identifier: GPL-2.0

//! What may hide a card, in words.

use crate::facts::{
    card::Presence,
    node::NodeProperties,
    snapshot::Snapshot, //
};

/// Says of which nodes it is unknown whether they are cards, and why.
pub fn doubts(snapshot: &Snapshot) -> Vec<String> {
    let mut doubts = Vec::new();
    if snapshot.kfd == Presence::Unreadable {
        let doubt = "the folder of KFD's nodes could not be read: there may be a 0x731f card";
        doubts.push(doubt.to_owned());
    }
    for node in snapshot.hiding() {
        let why = match node.is_unread() {
            true => "its properties could not be read".to_owned(),
            false => format!("it does not say {}", unsaid(&node.properties).join(", ")),
        };
        let number = node.number.unwrap_or_default();
        doubts.push(format!("node {number} may be a 0x731f card: {why}"));
    }
    doubts
}

/// What a node does not say of its identity.
fn unsaid(properties: &NodeProperties) -> Vec<&'static str> {
    let lines = [
        ("vendor_id", properties.vendor_id()),
        ("device_id", properties.device_id()),
        ("location_id", properties.location_id()),
    ];
    let unsaid = lines
        .into_iter()
        .filter(|(_, value)| value.known().is_none());
    unsaid.map(|(key, _)| key).collect()
}
