// SPDX-License-Identifier: GPL-2.0

//! Properties that the CRAT tables lack: `kfd_topology_add_device()` after it releases its lock.

use super::super::{
    gpus::VEGA20,
    host::Marks, //
};

use super::{
    Kfd,
    Link,
    ENABLED,
    NON_COHERENT,
    NO_ATOMICS,
    PCI_EXPRESS,
    XGMI, //
};

/// The order in which KFD fills in a node's properties, as far as the tests need it.
pub const IDENTIFIED: u8 = 1;
pub const GFX: u8 = 2;
pub const VENDOR: u8 = 3;
pub const DEVICE: u8 = 4;
pub const LOCATION: u8 = 5;
pub const DOMAIN: u8 = 6;
pub const MINOR: u8 = 7;
pub const HIVE: u8 = 8;
pub const ENGINES: u8 = 9;
pub const QUEUES: u8 = 10;
pub const CAPABILITY: u8 = 11;
pub const FILLED: u8 = 12;

/// KFD sets the links' flags after this property.
pub const MARKED: u8 = QUEUES;

/// From this property on the node prints its GPU's location.
pub const ADDRESSED: u8 = DOMAIN;

impl Kfd {
    /// Fills in the next property.
    pub fn fill_more(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.filled += 1;
        if node.filled == HIVE {
            node.hive = node.life.as_ref().map_or(0, |life| life.hive());
        }
    }

    /// The number of links whose flags KFD sets for a node.
    pub fn links_to_mark(&self, node: usize) -> usize {
        self.nodes[node].direct.len() + self.nodes[node].indirect.len()
    }

    /// `kfd_fill_iolink_non_crat_info()` for one link, until it sets coherence flags.
    pub fn mark_link(&mut self, node: usize, number: usize) {
        if self.host.marks == Marks::Nothing {
            return;
        }
        let (life, completes) = match &self.nodes[node].life {
            Some(life) => (life.clone(), life.gpu.completes_atomics),
            None => return,
        };
        let (link, is_direct) = self.link_mut(node, number);
        link.flags = ENABLED | no_atomics(link.kind, life.gpu.requests_atomics);
        let (kind, from, to) = (link.kind, link.from, link.to);
        let Some(peer) = self.nodes.get_mut(to) else {
            return;
        };
        let in_package = peer.life.is_none() && kind == XGMI && is_direct;
        let inbound = match is_direct {
            true => &mut peer.direct,
            false => &mut peer.indirect,
        };
        for link in inbound.iter_mut().filter(|link| link.to == from) {
            link.flags = ENABLED | no_atomics(link.kind, completes);
        }
        if in_package {
            // The CPU joins the hive.
            let location = life.place.location();
            let own = &mut self.nodes[node].hive;
            if *own == 0 {
                *own = location;
            }
            self.nodes[to].hive = self.nodes[node].hive;
        }
    }

    /// `kfd_set_iolink_non_coherent()` for one link and its reverse links.
    pub fn mark_coherence(&mut self, node: usize, number: usize) {
        if self.host.marks < Marks::Full {
            return;
        }
        let (link, is_direct) = self.link_mut(node, number);
        let (from, to) = (link.from, link.to);
        let Some(peer) = self.nodes.get_mut(to) else {
            return;
        };
        let gfx = peer.life.as_ref().map(|life| life.gpu.generation.gfx);
        let inbound = match is_direct {
            true => &mut peer.direct,
            false => &mut peer.indirect,
        };
        let mut is_mutual = false;
        for link in inbound.iter_mut().filter(|link| link.to == from) {
            let express = link.kind == PCI_EXPRESS;
            let vega20 = link.kind == XGMI && gfx == Some(VEGA20);
            if express || vega20 {
                link.flags |= NON_COHERENT;
                is_mutual |= gfx.is_some();
            }
        }
        if is_mutual {
            let (link, _) = self.link_mut(node, number);
            link.flags |= NON_COHERENT;
        }
    }

    /// A link of a node, by its number over both lists, and whether it is a direct link.
    fn link_mut(&mut self, node: usize, number: usize) -> (&mut Link, bool) {
        let node = &mut self.nodes[node];
        let direct = node.direct.len();
        match number < direct {
            true => (&mut node.direct[number], true),
            false => (&mut node.indirect[number - direct], false),
        }
    }
}

/// `kfd_set_iolink_no_atomics()`.
fn no_atomics(kind: u64, has_atomics: bool) -> u64 {
    match kind == XGMI || has_atomics {
        true => 0,
        false => NO_ATOMICS,
    }
}
