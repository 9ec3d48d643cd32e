// SPDX-License-Identifier: GPL-2.0

//! A card, and the key that identifies it.

use super::pci::{
    Address,
    Function,
    RenderNode, //
};

/// Whether KFD exists, or whether it lists a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// KFD exists, or lists the card.
    Present,
    /// KFD does not exist, or does not list the card.
    #[default]
    Absent,
    /// Unknown.
    Unreadable,
}

/// The identity of a card, in display order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CardKey {
    /// A card on the PCI bus.
    OnBus(Address),
    /// A card that only KFD knows: the number of its first node.
    InKfd(u32),
}

/// A card: a [`Id::NAVI10`](super::pci::Id::NAVI10) on the PCI bus, the KFD nodes that stand for
/// one, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// The identity of the card.
    pub key: CardKey,
    /// Its address: from the PCI core, or else from its node.
    pub address: Option<Address>,
    /// The function at that address. It is another device if a node falsely claims to be a card.
    pub function: Option<Function>,
    /// Whether KFD has a node for it.
    pub presence: Presence,
    /// The number of its first node, if KFD has one.
    pub first_node: Option<u32>,
    /// Whether it has further nodes.
    pub has_more: bool,
}

impl Card {
    /// Whether a graphics driver has finished its probe of the card: see [`RenderNode`].
    pub fn has_render_node(&self) -> bool {
        let function = self.function.as_ref();
        function.is_some_and(|function| matches!(function.render_node, RenderNode::Minor(_)))
    }
}
