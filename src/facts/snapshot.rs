// SPDX-License-Identifier: GPL-2.0

//! All facts of one scan.

use super::{
    map::{
        Map,
        Maps, //
    },
    node::{
        BankProperties,
        Node, //
    },
    pci::{
        Address,
        Function,
        Id,
        Occupant, //
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

/// A card: a [`Id::NAVI10`] on the PCI bus, a KFD node that stands for one, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// The function on the PCI bus.
    pub function: Option<Function>,
    /// Who sits where the node says its card does; the function, where there is one.
    pub occupant: Occupant,
    /// Whether KFD has a node for it.
    pub presence: Presence,
    /// That node.
    pub node: Option<Node>,
    /// Whether the node's facts belong together: KFD did not change while they were read, and had
    /// finished filling the node in.
    pub settled: bool,
}

impl Card {
    /// Where the card sits: as the PCI core says, else as KFD does.
    pub fn address(&self) -> Option<Address> {
        match (self.function, self.node) {
            (Some(function), _) => Some(function.address),
            (None, Some(node)) => node.address(),
            (None, None) => None,
        }
    }
}

/// A memory bank of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bank {
    /// The key of its card in [`Snapshot::cards`].
    pub card: u32,
    /// The number of its folder; not known where the card's banks could not be listed: such a bank
    /// stands for all that may be there.
    pub number: Option<u32>,
    /// What its `properties` holds.
    pub properties: BankProperties,
}

/// All facts of one scan.
pub struct Snapshot<M: Maps> {
    /// Whether the PCI core was asked.
    pub pci_known: bool,
    /// Whether KFD shows a topology.
    pub kfd: Presence,
    /// Whether a node could not be read, or not well enough to tell what it is: it may be a card's.
    pub unreadable_nodes: bool,
    /// The cards, numbered in the order in which they are shown: those on the PCI bus by their
    /// addresses, then those that only KFD knows.
    pub cards: M::Map<u32, Card>,
    /// The keys of those on the PCI bus, by their addresses.
    pub places: M::Map<Address, u32>,
    /// Their banks: each card's are counted from 0, in the order of their numbers.
    pub banks: M::Map<(u32, u32), Bank>,
}

impl<M: Maps> Snapshot<M> {
    /// The cards, each with its key.
    pub fn cards(&self) -> impl Iterator<Item = (u32, &Card)> {
        self.cards.iter().map(|(&key, card)| (key, card))
    }

    /// All banks, in the order of their cards.
    pub fn banks(&self) -> impl Iterator<Item = &Bank> {
        self.banks.values()
    }

    /// Whether a card is known to be the device whose truth is published.
    ///
    /// Without PCI facts the node's own word has to do. With them, a node that stands for another
    /// device, for none, or for who knows which, says nothing about a Navi10.
    pub fn is_navi10(&self, card: &Card) -> bool {
        match card.occupant {
            Occupant::Function(id) => id == Id::NAVI10,
            Occupant::Nobody => false,
            Occupant::Unknown => !self.pci_known,
        }
    }

    /// The banks of the card with that key.
    pub fn banks_of(&self, card: u32) -> impl Iterator<Item = &Bank> {
        // Looked up, so that a card costs the same beside however many others.
        (0..u32::MAX).map_while(move |count| self.banks.get(&(card, count)))
    }

    /// The card on the PCI bus at `address`, with its key.
    pub fn card_at(&self, address: Address) -> Option<(u32, &Card)> {
        let &key = self.places.get(&address)?;
        Some((key, self.cards.get(&key)?))
    }
}
