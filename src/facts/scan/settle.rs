// SPDX-License-Identifier: GPL-2.0

//! Decides, at the end of a walk, how far each node can be judged.

use crate::facts::prelude::*;

use super::Walk;

impl<T: Topology> Walk<'_, T> {
    /// Decides what the whole walk means for each card. `numbers` holds the numbers of all nodes.
    pub(super) fn settle(&mut self, same_generation: bool, numbers: &Numbers) {
        let nodes_missed =
            !same_generation || self.unfinished_nodes || self.snapshot.may_hide_a_card();
        let Snapshot { cards, nodes, .. } = &mut self.snapshot;
        for card in cards.values_mut() {
            // A node without a domain may be the card's.
            let may_be_own = |node: &Node| is_without_domain_at(node, card.address);
            if card.first_node.is_none() && (nodes_missed || nodes.values().any(may_be_own)) {
                card.presence = Presence::Unreadable;
            }
        }
        for number in numbers.iter() {
            let basis = match self.snapshot.nodes.get(&number) {
                Some(node) if same_generation && node.basis == Basis::Device => self.basis(node),
                _ => Basis::Nothing,
            };
            if let Some(node) = self.snapshot.nodes.get_mut(&number) {
                node.basis = basis;
            }
        }
    }

    /// How far a card's node can be judged, once KFD has filled it in.
    fn basis(&self, node: &Node) -> Basis {
        let card = node.card.and_then(|key| self.snapshot.cards.get(&key));
        let Some(function) = card.and_then(|card| card.function.as_ref()) else {
            // The node's owner is unknown: amdgpu keeps a node after its card is gone.
            return match self.snapshot.pci_known {
                true => Basis::Nothing,
                false => Basis::Device,
            };
        };
        let is_driven = function.is_driven_for(node.properties.drm_render_minor());
        if is_driven && self.has_unique_address(node) && !self.may_sit_elsewhere(node) {
            Basis::Function
        } else if node.claims_navi10() {
            Basis::Device
        } else {
            // The node of another card, which was at this address before.
            Basis::Nothing
        }
    }

    /// Whether no other GPU's node prints the address of this one.
    fn has_unique_address(&self, node: &Node) -> bool {
        let address = node.address();
        let nodes = self.snapshot.nodes.values();
        count(nodes.filter(|other| other.address() == address)) == 1
    }

    /// Whether a node without a domain may belong to a card in another domain, which has no node.
    fn may_sit_elsewhere(&self, node: &Node) -> bool {
        self.snapshot.cards().any(|card| {
            let has_none = card.presence != Presence::Present;
            has_none && is_without_domain_at(node, card.address)
        })
    }
}

/// Whether a GPU's node has the location of `address` and prints no PCI domain, like kernels before
/// 5.4. Such a node counts as in domain 0, which may be wrong.
fn is_without_domain_at(node: &Node, address: Option<Address>) -> bool {
    let location = address.map_or(Value::Absent, |address| {
        Value::Known(address.location.into())
    });
    let properties = &node.properties;
    cfg!(not(MODULE))
        && properties.domain() == Value::Absent
        && properties.location_id() == location
        && location != Value::Absent
        && !node.has_cpu()
}
