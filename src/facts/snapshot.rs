// SPDX-License-Identifier: GPL-2.0

//! All facts of one scan.

use super::{
    map::{
        Map,
        Maps, //
    },
    node::{
        BankProperties,
        Node,
        NodeProperties, //
    },
    pci::{
        Address,
        Function,
        Id, //
    },
};

/// Whether KFD is there, or a card is in KFD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Present,
    /// It is not.
    #[default]
    Absent,
    /// That could not be found out.
    Unreadable,
}

/// A card: a [`Id::NAVI10`] on the PCI bus, KFD nodes that stand for one, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// Where it sits: as the PCI core says, else as its node does.
    pub address: Option<Address>,
    /// The function there. It is another device where a node claims to be a card and is not.
    pub function: Option<Function>,
    /// Whether KFD has a node for it.
    pub presence: Presence,
    /// How many nodes it has in [`Snapshot::nodes`].
    pub nodes: u32,
}

/// A memory bank of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bank {
    /// The number of its folder; not known where the banks could not be listed: such a bank stands
    /// for all that may be there.
    pub number: Option<u32>,
    /// What its `properties` holds.
    pub properties: BankProperties,
}

/// All facts of one scan.
///
/// Cards have keys in the order in which they are shown: those on the PCI bus by their addresses,
/// then those that only KFD knows. The nodes of a card, and the banks of a node, are counted from 0,
/// in the order of their numbers.
pub struct Snapshot<M: Maps> {
    /// Whether the PCI core was asked.
    pub pci_known: bool,
    /// Whether KFD shows a topology.
    pub kfd: Presence,
    /// The nodes that may be a card's for all that could be read of them, by their numbers; `None`
    /// for one of which nothing could be read.
    pub hiding: M::Map<u32, Option<NodeProperties>>,
    /// The cards.
    pub cards: M::Map<u32, Card>,
    /// Their keys, by their addresses.
    pub places: M::Map<Address, u32>,
    /// Their nodes: card, node.
    pub nodes: M::Map<(u32, u32), Node>,
    /// The banks of those: card, node, bank.
    pub banks: M::Map<(u32, u32, u32), Bank>,
}

impl<M: Maps> Snapshot<M> {
    /// Nothing yet.
    pub fn new(pci_known: bool) -> Self {
        Self {
            pci_known,
            kfd: Presence::Present,
            hiding: Default::default(),
            cards: Default::default(),
            places: Default::default(),
            nodes: Default::default(),
            banks: Default::default(),
        }
    }

    /// The cards, each with its key.
    pub fn cards(&self) -> impl Iterator<Item = (u32, &Card)> {
        self.cards.iter().map(|(&key, card)| (key, card))
    }

    /// The nodes of the card with that key, each with its count.
    pub fn nodes_of(&self, card: u32) -> impl Iterator<Item = (u32, &Node)> {
        // Looked up, so that a card costs the same beside however many others.
        (0..u32::MAX).map_while(move |count| Some((count, self.nodes.get(&(card, count))?)))
    }

    /// The banks of a node of the card with that key.
    pub fn banks_of(&self, card: u32, node: u32) -> impl Iterator<Item = &Bank> {
        (0..u32::MAX).map_while(move |count| self.banks.get(&(card, node, count)))
    }

    /// Whether a card is known to be the device whose truth is published.
    ///
    /// Without PCI facts the node's own word has to do.
    pub fn is_navi10(&self, card: &Card) -> bool {
        match card.function {
            Some(function) => function.id == Id::NAVI10,
            None => !self.pci_known,
        }
    }

    /// The card at `address`, with its key.
    pub fn card_at(&self, address: Address) -> Option<(u32, &Card)> {
        let &key = self.places.get(&address)?;
        Some((key, self.cards.get(&key)?))
    }

    /// Whether there may be a card that is not among them.
    pub fn may_hide_a_card(&self) -> bool {
        self.kfd == Presence::Unreadable || self.hiding.iter().next().is_some()
    }
}
