// SPDX-License-Identifier: GPL-2.0

//! Creates and removes GPUs' nodes, with their direct links.

use std::rc::Rc;

use super::super::{
    host::Age,
    life::Life, //
};

use super::{
    Kfd,
    Link,
    Node,
    PCI_EXPRESS,
    XGMI, //
};

/// The result for a GPU that the driver handed to KFD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// A new node, which sysfs does not show yet.
    NewNode,
    /// The node of its CPU.
    InCpuNode,
    /// No node: KFD failed.
    Refused,
}

impl Kfd {
    /// `kfd_topology_add_device()` until it rebuilds sysfs.
    pub fn create(&mut self, life: &Rc<Life>) -> Created {
        if life.gpu.generation.in_cpu_node && self.host.age <= Age::New {
            let mut nodes = self.nodes.iter_mut();
            let own = nodes.find(|node| node.awaits_apu && node.life.is_none());
            if let Some(node) = own {
                node.life = Some(life.clone());
                return Created::InCpuNode;
            }
        }
        let number = self.nodes.len();
        let kind = match life.gpu.reaches_cpu_over_xgmi() {
            true => XGMI,
            false => PCI_EXPRESS,
        };
        // KFD uses the number of the NUMA node as that of a KFD node.
        let to = life.numa.unwrap_or(0) as usize;
        let to_cpu = Link::new(kind, number, to);
        if life.is_large_bar() || kind == XGMI {
            // `kfd_parse_subtype_iolink()`: the list does not contain the new node yet.
            match self.nodes.get_mut(to) {
                Some(node) => node.direct.push(to_cpu.reversed()),
                None => return Created::Refused,
            }
        }
        let mut node = Node::new(Some(life.clone()), 0, life.bank());
        node.direct.push(to_cpu);
        for (at, peer) in self.nodes.iter_mut().enumerate() {
            let hive = peer.life.as_ref().map_or(0, |peer| peer.hive());
            if hive != 0 && hive == life.hive() {
                let link = Link::new(XGMI, number, at);
                peer.direct.push(link.reversed());
                node.direct.push(link);
            }
        }
        // `kfd_assign_gpu()`.
        for link in &mut node.direct {
            link.is_denied = life.is_denied;
        }
        self.nodes.push(node);
        Created::NewNode
    }

    /// Removes a node from the list and renumbers the others (`kfd_topology_update_io_links()`).
    pub fn release(&mut self, life: u32) {
        let Some(gone) = self.node_of(life) else {
            return;
        };
        self.nodes.remove(gone);
        let down = |number: &mut usize| *number -= usize::from(*number > gone);
        for node in &mut self.nodes {
            let links = node.direct.iter_mut().chain(&mut node.indirect);
            for link in links.filter(|link| !link.is_orphan) {
                if link.to == gone {
                    link.is_orphan = true;
                } else {
                    down(&mut link.from);
                    down(&mut link.to);
                }
            }
        }
    }
}
