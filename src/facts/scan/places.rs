// SPDX-License-Identifier: GPL-2.0

//! Nodes that do not say in which PCI domain they sit: kernels before 5.4 print none.
//!
//! Such a node is taken to be in domain 0. Where that does not fit what it says it is, it may as
//! well be honest and sit in another domain, so nothing is drawn from its place.

use crate::facts::{
    map::{
        Map,
        Maps,
        OutOfMemory, //
    },
    node::Node,
    pci::{
        Id,
        Occupant, //
    },
    snapshot::{
        Card,
        Presence, //
    },
    topology::Topology,
    value::Value, //
};

use super::Walk;

impl<M: Maps, T: Topology> Walk<'_, M, T> {
    /// Takes back what was concluded from a place that is not known.
    pub(super) fn doubt_places(&mut self) -> Result<(), OutOfMemory> {
        for key in 0..self.next_card {
            let Some(&card) = self.snapshot.cards.get(&key) else {
                continue;
            };
            match card.node {
                Some(node) if node.properties.domain() == Value::Absent => {
                    self.doubt_place(key, &card, &node);
                }
                None if self.may_be_a_placeless_node(&card) => {
                    if let Some(card) = self.snapshot.cards.get_mut(&key) {
                        card.presence = Presence::Unreadable;
                    }
                    self.unknown_banks(key)?;
                }
                _ => (),
            }
        }
        Ok(())
    }

    /// Doubts that the node of a card, which names no domain, is where it was taken to be.
    fn doubt_place(&mut self, key: u32, card: &Card, node: &Node) {
        let claims_it = node.claims(Id::NAVI10.vendor, Id::NAVI10.device);
        let elsewhere = self.is_elsewhere(node);
        let Some(doubted) = self.snapshot.cards.get_mut(&key) else {
            return;
        };
        match card.function {
            // A device of another kind, at the same location in another domain.
            Some(_) if !claims_it => {
                doubted.settled = false;
                doubted.presence = Presence::Unreadable;
            }
            // The one or the other.
            Some(_) => doubted.settled &= !elsewhere,
            None if elsewhere => doubted.occupant = Occupant::Unknown,
            None => (),
        }
    }

    /// Whether a card without a node has the location that `node` prints.
    fn is_elsewhere(&self, node: &Node) -> bool {
        let mut others = self.snapshot.cards.values();
        others.any(|other| other.node.is_none() && same_location(other, node))
    }

    /// Whether a node that names no domain may be this card's.
    fn may_be_a_placeless_node(&self, card: &Card) -> bool {
        let mut cards = self.snapshot.cards.values();
        cards.any(|other| {
            other.node.is_some_and(|node| {
                node.properties.domain() == Value::Absent
                    && node.claims(Id::NAVI10.vendor, Id::NAVI10.device)
                    && same_location(card, &node)
            })
        })
    }
}

/// Whether a card on the bus has the location that a node prints, whatever the domain.
fn same_location(card: &Card, node: &Node) -> bool {
    card.function.is_some_and(|function| {
        node.properties.location_id() == Value::Known(function.address.location.into())
    })
}
