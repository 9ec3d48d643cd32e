// SPDX-License-Identifier: GPL-2.0

//! Reads the links of cards, and the links of other nodes to them.

use crate::{
    facts::{
        links::*,
        prelude::*, //
    },
    uapi, //
};

use super::Walk;

/// The node whose links are read.
#[derive(Clone, Copy)]
struct Origin {
    number: u32,
    has_cpu: bool,
    is_unfinished_apu: bool,
    /// Whether the node claims to be a card, which has no XGMI.
    claims_navi10: bool,
    /// Whether the node stands for a card.
    is_card: bool,
}

impl Origin {
    /// Records that some links from this node are unknown, and may lead to a card.
    fn note_unknown(self, links: &mut Links) {
        if self.has_cpu {
            links.from_cpu = worse(links.from_cpu, Value::Unreadable);
        }
        if links.xgmi.is_zero() {
            links.xgmi = Value::Unreadable;
        }
    }

    /// Records a link from this node to a card's node.
    fn note_to_card(self, links: &mut Links, link: &LinkProperties) {
        if link.kind() == XGMI {
            links.xgmi = more(links.xgmi, 1);
        } else if link.kind() == PCI_EXPRESS && self.has_cpu {
            // Ignores other types: links between CPUs carry NUMA numbers
            // (`kfd_fill_iolink_info_for_cpu()`, `kfd_crat.c`).
            let flags = match self.is_unfinished_apu {
                true => Value::Unreadable,
                false => link.flags(),
            };
            links.from_cpu = worse(links.from_cpu, flags);
        }
    }

    /// Whether a link of that folder leads from GPU to GPU. KFD copies its type from the link of
    /// one GPU to its CPU, which may be XGMI (`kfd_add_peer_prop()`, `kfd_topology.c`). The type
    /// means nothing for the other GPU. Links within a hive are direct.
    fn is_gpu_to_gpu(self, folder: LinkFolder, other: Option<&Node>) -> bool {
        !folder.is_direct() && !self.has_cpu && other.is_none_or(|other| !other.has_cpu())
    }

    /// Whether the link with that number leads from a GPU to its CPU. KFD names the CPU by its NUMA
    /// number, which may be the number of any node (`kfd_fill_gpu_direct_io_link_to_cpu()`,
    /// `kfd_crat.c`).
    fn leads_to_own_cpu(self, folder: LinkFolder, number: u32) -> bool {
        !self.has_cpu && folder.is_direct() && number == 0
    }
}

/// The outcome of reading all links of a folder.
#[derive(Default)]
struct Read {
    /// Some links could not be read.
    unreadable: bool,
    /// There are fewer links than the node prints: KFD creates links last, and removes them first.
    missing: bool,
}

impl<T: Topology> Walk<'_, T> {
    /// Reads the links of all nodes, if there is a card.
    pub(super) fn all_links(&mut self, numbers: &Numbers) -> Result<(), OutOfMemory> {
        let has_node = |card: &Card| card.first_node.is_some();
        if !self.snapshot.cards().any(has_node) {
            return Ok(());
        }
        for number in numbers.iter() {
            let node = self.snapshot.nodes.get(&number);
            let Some(node) = node.filter(|node| !node.is_unread()) else {
                continue;
            };
            let origin = Origin {
                number,
                has_cpu: node.has_cpu(),
                is_unfinished_apu: node.is_unfinished_apu(),
                claims_navi10: node.claims_navi10(),
                is_card: node.card.is_some(),
            };
            let direct = node.properties.io_links_count();
            let indirect = node.properties.p2p_links_count();
            // With several sockets, the CPUs of other sockets reach a card by indirect links.
            self.links_of(LinkFolder::Io(number), direct, origin)?;
            self.links_of(LinkFolder::PeerToPeer(number), indirect, origin)?;
        }
        let (unread_nodes, has_gap) = (self.unread_nodes, self.has_gap);
        let nodes = self.snapshot.nodes.values_mut();
        for node in nodes.filter(|node| node.card.is_some()) {
            node.links.explain(unread_nodes);
            let non_coherent = u64::from(uapi::HSA_IOLINK_FLAGS_NON_COHERENT);
            let is_coherent = node.links.from_cpu.has(non_coherent) == Some(false);
            if is_coherent && node.has_unfilled_links() {
                node.links.from_cpu = Value::Unreadable;
                self.unfinished_nodes = true;
            }
            if has_gap {
                // KFD may have removed links, or renumbered the ends of others.
                node.links.xgmi = Value::Unreadable;
                node.links.from_cpu = Value::Unreadable;
            }
        }
        Ok(())
    }

    /// Reads the links of a folder that should have `announced` of them.
    fn links_of(
        &mut self,
        folder: LinkFolder,
        announced: Value,
        origin: Origin,
    ) -> Result<(), OutOfMemory> {
        let read = self.links(folder, announced, origin)?;
        if !read.unreadable && !read.missing {
            return Ok(());
        }
        self.unfinished_nodes |= read.missing && (origin.has_cpu || origin.is_card);
        let nodes = self.snapshot.nodes.values_mut();
        for node in nodes.filter(|node| node.card.is_some()) {
            if node.number != Some(origin.number) {
                origin.note_unknown(&mut node.links);
                continue;
            }
            if read.missing {
                node.basis = Basis::Nothing;
            }
            if read.unreadable && node.links.xgmi.is_zero() {
                node.links.xgmi = Value::Unreadable;
            }
        }
        Ok(())
    }

    /// Reads as many links as the node prints, from 0 on, as libhsakmt does. If one of them is
    /// missing, or the kernel prints no number (before 5.19), reads the links that the folder
    /// lists.
    fn links(
        &mut self,
        folder: LinkFolder,
        announced: Value,
        origin: Origin,
    ) -> Result<Read, OutOfMemory> {
        let mut read = Read::default();
        let announced = announced.known();
        let mut found = 0;
        while announced.is_some_and(|announced| u64::from(found) < announced) {
            if !self.link(folder, found, origin, &mut read)? {
                break;
            }
            found = found.saturating_add(1);
        }
        if announced == Some(found.into()) {
            return Ok(read);
        }
        match self.list(Folder::Links(folder))? {
            Ok(listed) => {
                read.missing = announced.is_some_and(|announced| listed.count() < announced);
                for number in listed.iter().filter(|&number| number >= found) {
                    read.unreadable |= !self.link(folder, number, origin, &mut read)?;
                }
            }
            Err(error) => {
                let absent = error == ReadError::Absent;
                // A node without links may have no folder, and old kernels have none for indirect
                // links.
                read.unreadable |= !absent || (folder.is_direct() && announced.is_none());
                read.missing = absent && announced.is_some();
            }
        }
        Ok(read)
    }

    /// Reads a link; returns whether it exists.
    fn link(
        &mut self,
        folder: LinkFolder,
        number: u32,
        origin: Origin,
        read: &mut Read,
    ) -> Result<bool, OutOfMemory> {
        let mut link = LinkProperties::default();
        if self.properties(File::Link(folder, number), &mut link)? == Err(ReadError::Absent) {
            return Ok(false);
        }
        read.unreadable |= link.kind().known().is_none() || link.node_to().known().is_none();
        self.note_link(folder, number, origin, &link);
        Ok(true)
    }

    /// Records a link at both of its ends.
    fn note_link(
        &mut self,
        folder: LinkFolder,
        number: u32,
        origin: Origin,
        link: &LinkProperties,
    ) {
        let nodes = &mut self.snapshot.nodes;
        let to = link.node_to().known().and_then(|to| u32::try_from(to).ok());
        let other = to
            .and_then(|to| nodes.get(&to))
            .filter(|node| !node.is_unread());
        if origin.is_gpu_to_gpu(folder, other) {
            return;
        }
        let leads_to_own_cpu = origin.leads_to_own_cpu(folder, number);
        let end = other.map(Node::has_cpu);
        if origin.is_card {
            if let Some(node) = nodes.get_mut(&origin.number) {
                node.links.note_own(link, end, leads_to_own_cpu);
            }
        }
        let Some(other) = to
            .filter(|_| end.is_some())
            .and_then(|to| nodes.get_mut(&to))
        else {
            return;
        };
        if leads_to_own_cpu {
            if !origin.claims_navi10 && link.kind() == XGMI {
                other.links.unexplained = other.links.unexplained.saturating_sub(1);
            }
        } else if other.card.is_some() && to != Some(origin.number) {
            origin.note_to_card(&mut other.links, link);
        }
    }
}
