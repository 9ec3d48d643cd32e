// SPDX-License-Identifier: GPL-2.0

//! Describes the nodes that may hide a card.

use crate::facts::{
    card::Presence,
    node::NodeProperties,
    snapshot::Snapshot, //
};

/// Lists the nodes that may be cards, each with the reason.
pub fn doubts(snapshot: &Snapshot) -> Vec<String> {
    let mut doubts = Vec::new();
    if snapshot.kfd == Presence::Unreadable {
        let doubt = "the folder of KFD's nodes could not be read: there may be a 0x731f card";
        doubts.push(doubt.to_owned());
    }
    if let Some(missing) = missing_node(snapshot) {
        let doubt = format!("node {missing} says nothing: links to it and from it are not known");
        doubts.push(doubt);
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

/// The first missing node number below an existing one, if there is a card whose links matter.
fn missing_node(snapshot: &Snapshot) -> Option<u32> {
    let has_node = snapshot.cards().any(|card| card.first_node.is_some());
    let numbers = snapshot.nodes.keys().filter(|_| has_node);
    let gap = (0..)
        .zip(numbers)
        .find(|(expected, number)| expected != *number);
    gap.map(|(expected, _)| expected)
}

/// The lines about its identity that a node does not print.
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
