// SPDX-License-Identifier: GPL-2.0

//! Adds indirect links, and links between GPUs. KFD creates them for the last node of its list.

use std::rc::Rc;

use super::super::{
    gpus::CpuLink,
    host::Age,
    life::Life, //
};

use super::{
    Kfd,
    Link,
    Node, //
};

impl Kfd {
    /// `kfd_dev_create_p2p_links()`, which older kernels lack.
    pub fn link_indirectly(&mut self) {
        let last = self.nodes.len() - 1;
        let is_old = self.host.age < Age::New;
        if is_old || last == 0 || self.nodes[last].life.is_none() {
            return;
        }
        if self.link_to_other_cpus(last) && self.host.peer_to_peer {
            self.link_to_peers(last);
        }
    }

    /// `kfd_create_indirect_link_prop()`. Returns whether it succeeded.
    fn link_to_other_cpus(&mut self, gpu: usize) -> bool {
        let cpus = self.nodes.iter().take_while(|node| node.life.is_none());
        let cpus = cpus.count();
        let Some(first) = self.nodes[gpu].direct.first().cloned() else {
            return false;
        };
        let is_large_bar = |life: &Rc<Life>| life.is_large_bar();
        let returns = self.nodes[gpu].life.as_ref().is_some_and(is_large_bar);
        for cpu in (0..cpus).filter(|cpu| *cpu != first.to) {
            let mut between = self.nodes[cpu].direct.iter();
            if !between.any(|link| link.to == first.to) {
                return false;
            }
            let link = |from, to| Link {
                from,
                to,
                ..first.clone()
            };
            self.nodes[gpu].add_indirect(link(gpu, cpu));
            if returns {
                self.nodes[cpu].add_indirect(link(cpu, gpu));
            }
        }
        true
    }

    /// The links between GPUs of `kfd_dev_create_p2p_links()`.
    fn link_to_peers(&mut self, new: usize) {
        for peer in 0..new {
            let hive = |node: usize| self.nodes[node].life.as_ref().map(|life| life.hive());
            let Some(peer_hive) = hive(peer) else {
                continue;
            };
            if peer_hive != 0 && Some(peer_hive) == hive(new) {
                continue;
            }
            if !self.link_to_peer(new, peer) || !self.link_to_peer(peer, new) {
                return;
            }
        }
    }

    /// `kfd_add_peer_prop()`: links `from` to `reached`, if it is reachable. Returns `false` on
    /// failure.
    fn link_to_peer(&mut self, reached: usize, from: usize) -> bool {
        let life = self.nodes[reached].life.as_ref();
        let is_reached = life.is_some_and(|life| {
            life.reaches_all() && life.gpu.generation.cpu_link != CpuLink::Xgmi
        });
        if !is_reached {
            return true;
        }
        let Some(first) = self.nodes[reached].direct.first().cloned() else {
            return false;
        };
        if self.nodes[from].direct.is_empty() {
            return false;
        }
        // KFD copies type and flags from the link of `reached` to its CPU.
        self.nodes[from].add_indirect(Link {
            from,
            to: reached,
            ..first
        });
        true
    }
}

impl Node {
    /// `kfd_build_p2p_node_entry()`.
    fn add_indirect(&mut self, link: Link) {
        let number = self.indirect.len() as u32;
        self.indirect.push(Link {
            shown: Some(number),
            ..link
        });
    }
}
