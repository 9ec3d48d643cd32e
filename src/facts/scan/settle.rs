// SPDX-License-Identifier: GPL-2.0

//! Decides, at the end of a walk, how far each node can be judged.

use crate::facts::{
    map::{
        Map,
        Maps,
        OutOfMemory, //
    },
    node::{
        Basis,
        Node, //
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
    /// Decides what the walk as a whole means for each card.
    pub(super) fn settle(&mut self, same_generation: bool) -> Result<(), OutOfMemory> {
        let nodes_missed =
            !same_generation || self.unfinished_nodes || self.snapshot.may_hide_a_card();
        for key in 0..self.next_card {
            let Some(&card) = self.snapshot.cards.get(&key) else {
                continue;
            };
            if card.nodes == 0 && (nodes_missed || self.may_be_without_domain(&card)) {
                self.unknown_banks((key, 0))?;
                self.add_node((key, 0), Node::unreadable(), Presence::Unreadable)?;
            }
            for count in 0..card.nodes {
                let place = (key, count);
                let Some(&node) = self.snapshot.nodes.get(&place) else {
                    continue;
                };
                let basis = match node.basis {
                    Basis::Device if same_generation => self.basis(&card, &node),
                    _ => Basis::Nothing,
                };
                if let Some(node) = self.snapshot.nodes.get_mut(&place) {
                    node.basis = basis;
                }
            }
        }
        Ok(())
    }

    /// How far a node can be judged that KFD has filled in.
    fn basis(&self, card: &Card, node: &Node) -> Basis {
        let Some(function) = card.function else {
            // Whose node it is cannot be known: amdgpu keeps it when the card has gone.
            return match self.snapshot.pci_known {
                true => Basis::Nothing,
                false => Basis::Device,
            };
        };
        let is_driven = function.is_driven_for(node.properties.drm_render_minor());
        let is_alone = card.nodes == 1 && self.is_alone(node);
        if is_driven && is_alone && !self.may_sit_elsewhere(node) {
            Basis::Function
        } else if node.claims_navi10() {
            Basis::Device
        } else {
            // The node of another card, which was there before.
            Basis::Nothing
        }
    }

    /// Whether no other GPU's node prints the address of this one.
    fn is_alone(&self, node: &Node) -> bool {
        let gpus = node
            .address()
            .and_then(|address| self.gpus_at.get(&address));
        gpus.is_none_or(|&gpus| gpus == 1)
    }

    /// Remembers a node that does not say in which PCI domain it sits: kernels before 5.4 print none.
    ///
    /// It is taken to be in domain 0, where it may not be.
    pub(super) fn note_missing_domain(&mut self, node: &Node) -> Result<(), OutOfMemory> {
        let location = node.properties.location_id().known();
        match (node.properties.domain(), location) {
            (Value::Absent, Some(location)) if !node.has_cpu() => {
                self.without_domain.insert(location, ())
            }
            _ => Ok(()),
        }
    }

    /// Whether a node without a domain may be this card's.
    fn may_be_without_domain(&self, card: &Card) -> bool {
        card.address.is_some_and(|address| {
            let location = address.location.into();
            self.without_domain.get(&location).is_some()
        })
    }

    /// Whether a node without a domain may belong to a card in another domain, which has no node.
    fn may_sit_elsewhere(&self, node: &Node) -> bool {
        let location = node.properties.location_id();
        let mut cards = self.snapshot.cards.values();
        node.properties.domain() == Value::Absent
            && cards.any(|card| {
                let has_none = card.presence != Presence::Present;
                has_none
                    && card
                        .address
                        .is_some_and(|address| location == Value::Known(address.location.into()))
            })
    }
}
