// SPDX-License-Identifier: GPL-2.0

//! All facts of one walk.

use super::{
    card::{
        Card,
        CardKey,
        Presence, //
    },
    map::Map,
    node::{
        BankProperties,
        Node, //
    },
    pci::{
        Address,
        Id, //
    },
    properties::Properties as _,
    value::Value, //
};

/// A memory bank of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bank {
    /// The number of its folder; unknown for [`Bank::UNREADABLE`].
    pub number: Option<u32>,
    /// The content of `properties`.
    pub properties: BankProperties,
}

impl Bank {
    /// Stands for all banks of a node whose banks could not be listed.
    pub const UNREADABLE: Self = Self {
        number: None,
        properties: BankProperties::UNREADABLE,
    };
}

/// All facts of one walk.
pub struct Snapshot {
    /// Whether the PCI core was asked.
    pub pci_known: bool,
    /// Whether KFD shows a topology.
    pub kfd: Presence,
    /// The cards.
    pub cards: Map<CardKey, Card>,
    /// All nodes of KFD, by their numbers.
    pub nodes: Map<u32, Node>,
    /// The banks of the cards' nodes, by the node's number and the bank's position in the node.
    pub banks: Map<(u32, u32), Bank>,
}

impl Snapshot {
    /// An empty snapshot.
    pub fn new(pci_known: bool) -> Self {
        Self {
            pci_known,
            kfd: Presence::Present,
            cards: Map::new(),
            nodes: Map::new(),
            banks: Map::new(),
        }
    }

    /// The cards.
    pub fn cards(&self) -> impl Iterator<Item = &Card> {
        self.cards.values()
    }

    /// The nodes of a card by their numbers. [`Node::UNREADABLE`] stands for all if it is unknown
    /// whether there are any.
    pub fn nodes_of<'a>(&'a self, card: &'a Card) -> impl Iterator<Item = &'a Node> {
        let mut last = None;
        core::iter::from_fn(move || {
            let next = match last {
                None => self.first_node_of(card),
                Some(last) => self.node_after(card, last),
            };
            next.inspect(|next| last = Some(*next))
        })
    }

    #[inline(never)] // One copy keeps the module small.
    fn first_node_of(&self, card: &Card) -> Option<&Node> {
        match card.first_node {
            Some(number) => self.nodes.get(&number),
            None => (card.presence == Presence::Unreadable).then_some(&Node::UNREADABLE),
        }
    }

    #[inline(never)] // As above.
    fn node_after(&self, card: &Card, last: &Node) -> Option<&Node> {
        let is_next = |node: &&Node| node.card == Some(card.key) && node.number > last.number;
        match card.has_more {
            true => self.nodes.values().find(is_next),
            false => None,
        }
    }

    /// The banks of a card's node by their numbers. [`Bank::UNREADABLE`] stands for all if they
    /// could not be listed.
    pub fn banks_of<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Bank> {
        (0..u32::MAX).map_while(move |place| self.bank(node, place))
    }

    #[inline(never)] // As above.
    fn bank(&self, node: &Node, place: u32) -> Option<&Bank> {
        if node.banks_found == Value::Unreadable {
            return (place == 0).then_some(&Bank::UNREADABLE);
        }
        self.banks.get(&(node.number?, place))
    }

    /// Whether a card is known to be a Navi10, so that the files show its true values.
    ///
    /// Without PCI facts, the node's own claim decides.
    pub fn is_navi10(&self, card: &Card) -> bool {
        match card.function {
            Some(function) => function.id == Id::NAVI10,
            None => !self.pci_known,
        }
    }

    /// The card at `address`; the first if there are several.
    pub fn card_at(&self, address: Address) -> Option<&Card> {
        self.cards().find(|card| card.address == Some(address))
    }

    /// The nodes that may be a card's, but do not print enough to tell.
    pub fn hiding(&self) -> impl Iterator<Item = &Node> {
        let nodes = self.nodes.values();
        nodes.filter(|node| node.may_hide_a_card(self.pci_known))
    }

    /// Whether there may be further cards than [`Self::cards`].
    pub fn may_hide_a_card(&self) -> bool {
        self.kfd == Presence::Unreadable || self.hiding().next().is_some()
    }
}
