// SPDX-License-Identifier: GPL-2.0

//! A card, and how it is told from others.

use super::pci::{
    Address,
    Function,
    RenderNode, //
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

/// What tells cards apart, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CardKey {
    /// A card on the PCI bus.
    OnBus(Address),
    /// A card that only KFD knows: the number of its first node.
    InKfd(u32),
}

/// A card: a [`Id::NAVI10`](super::pci::Id::NAVI10) on the PCI bus, KFD nodes that stand for one, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// What tells it from others.
    pub key: CardKey,
    /// Where it sits: as the PCI core says, else as its node does.
    pub address: Option<Address>,
    /// The function there. It is another device where a node claims to be a card and is not.
    pub function: Option<Function>,
    /// Whether KFD has a node for it.
    pub presence: Presence,
    /// The number of its first node, if KFD has one.
    pub first_node: Option<u32>,
    /// Whether it has more nodes than that.
    pub has_more: bool,
}

impl Card {
    /// Whether a graphics driver has finished its probe of the card: see [`RenderNode`].
    pub fn has_render_node(&self) -> bool {
        let function = self.function.as_ref();
        function.is_some_and(|function| matches!(function.render_node, RenderNode::Minor(_)))
    }
}
