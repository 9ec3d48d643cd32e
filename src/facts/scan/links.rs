// SPDX-License-Identifier: GPL-2.0

//! The links of cards, and those that lead to them.

use core::cell::Cell;

use crate::{
    facts::{
        map::{
            count,
            Map,
            Maps,
            OutOfMemory, //
        },
        node::{
            Basis,
            LinkProperties,
            Links,
            Node, //
        },
        properties::Properties,
        snapshot::Snapshot,
        topology::{
            File,
            Folder,
            LinkFolder,
            ReadError,
            Topology, //
        },
        value::Value, //
    },
    uapi, //
};

use super::Walk;

const XGMI: Value = Value::Known(uapi::HSA_IOLINK_TYPE_XGMI as u64);
const PCI_EXPRESS: Value = Value::Known(uapi::HSA_IOLINK_TYPE_PCIEXPRESS as u64);

/// A node whose links are to be read.
pub(super) struct Origin {
    has_cpu: bool,
    is_unfinished_apu: bool,
    /// Whether the node says it is a card, which has no XGMI.
    claims_navi10: bool,
    /// How many direct links the node says it has, and how many indirect ones.
    announced: (Value, Value),
    /// Its place in [`Snapshot::nodes`], if it is a card's.
    place: Option<(u32, u32)>,
    /// How many XGMI links lead from here to GPUs, less those that a GPU's link to its CPU explains.
    ///
    /// KFD adds a link back to each of those, at the node whose number is the CPU's NUMA number
    /// (`kfd_parse_subtype_iolink()`, `kfd_crat.c`). That node may be a card.
    unexplained: Cell<i64>,
    /// Whether XGMI links lead from here to nodes that were not read, and may explain them.
    has_unclear: Cell<bool>,
}

impl Origin {
    pub(super) fn of(node: &Node, place: Option<(u32, u32)>) -> Self {
        let properties = &node.properties;
        Self {
            has_cpu: node.has_cpu(),
            is_unfinished_apu: node.is_unfinished_apu(),
            claims_navi10: node.claims_navi10(),
            announced: (properties.io_links_count(), properties.p2p_links_count()),
            place,
            unexplained: Cell::new(0),
            has_unclear: Cell::new(false),
        }
    }

    /// Takes in a link of a card's node, to `other`.
    fn note_own(
        &self,
        links: &mut Links,
        link: &LinkProperties,
        other: Option<&Self>,
        leads_to_own_cpu: bool,
    ) {
        if link.kind() == XGMI {
            match other {
                Some(other) if other.has_cpu => links.xgmi = more(links.xgmi, 1),
                None if !leads_to_own_cpu => self.has_unclear.set(true),
                _ => self.count_unexplained(1),
            }
        } else if link.kind() == PCI_EXPRESS && links.to_cpu == Value::Absent {
            links.to_cpu = link.flags();
        }
    }

    /// Takes in a link that leads from here to a card's node.
    fn note_to_card(&self, links: &mut Links, link: &LinkProperties) {
        if link.kind() == XGMI {
            links.xgmi = more(links.xgmi, 1);
        } else if link.kind() == PCI_EXPRESS && self.has_cpu {
            // Not those of other types: between CPUs they have NUMA numbers
            // (`kfd_fill_iolink_info_for_cpu()`, `kfd_crat.c`).
            let flags = match self.is_unfinished_apu {
                true => Value::Unreadable,
                false => link.flags(),
            };
            links.from_cpu = worse(links.from_cpu, flags);
        }
    }

    fn count_unexplained(&self, links: i64) {
        self.unexplained
            .set(self.unexplained.get().saturating_add(links));
    }

    /// Takes in that some links from here are not known: they may lead to a card.
    fn note_unknown(&self, links: &mut Links) {
        if self.has_cpu {
            links.from_cpu = worse(links.from_cpu, Value::Unreadable);
        }
        if links.xgmi.is_zero() {
            links.xgmi = Value::Unreadable;
        }
    }

    /// Whether a link of that folder leads from GPU to GPU. KFD copies its type from the link of one
    /// of them to its CPU, which may be XGMI (`kfd_add_peer_prop()`, `kfd_topology.c`): it says
    /// nothing of the other. Those of a hive are direct.
    fn is_beside_a_peer(&self, folder: LinkFolder, other: Option<&Self>) -> bool {
        !folder.is_direct() && !self.has_cpu && other.is_none_or(|other| !other.has_cpu)
    }

    /// Whether the link with that number leads to a GPU's CPU. KFD names that by its NUMA number,
    /// which may be any node's (`kfd_fill_gpu_direct_io_link_to_cpu()`, `kfd_crat.c`).
    fn leads_to_own_cpu(&self, folder: LinkFolder, number: u32) -> bool {
        !self.has_cpu && folder.is_direct() && number == 0
    }
}

/// What reading all links of a folder came to.
struct Read {
    /// Some could not be read.
    unreadable: bool,
    /// Fewer are there than the node says: KFD makes them last, and takes them away first.
    missing: bool,
}

impl<M: Maps, T: Topology> Walk<'_, M, T> {
    /// Reads the links of all nodes, if there is a card.
    pub(super) fn all_links(&mut self) -> Result<(), OutOfMemory> {
        if self.snapshot.nodes.values().next().is_none() {
            return Ok(());
        }
        let origins = core::mem::take(&mut self.origins);
        for (&from, origin) in origins.iter() {
            let (direct, indirect) = origin.announced;
            // With several sockets, the CPUs that a card is not at reach it by indirect links.
            self.links_of(LinkFolder::Io(from), direct, origin, &origins)?;
            self.links_of(LinkFolder::PeerToPeer(from), indirect, origin, &origins)?;
        }
        for origin in origins.values() {
            self.settle_links(origin);
        }
        Ok(())
    }

    /// Decides about those links of a card that only all nodes together explain.
    fn settle_links(&mut self, origin: &Origin) {
        let place = origin.place;
        let Some(node) = place.and_then(|own| self.snapshot.nodes.get_mut(&own)) else {
            return;
        };
        let unexplained = u64::try_from(origin.unexplained.get()).unwrap_or(0);
        let is_unclear = origin.has_unclear.get() || (self.unread_nodes && unexplained != 0);
        let xgmi = &mut node.links.xgmi;
        if is_unclear && xgmi.is_zero() {
            *xgmi = Value::Unreadable;
        }
        if *xgmi != Value::Unreadable {
            *xgmi = more(*xgmi, unexplained);
        }
        if self.has_gap && !xgmi.is_zero() {
            *xgmi = Value::Unreadable;
            self.unfinished_nodes = true;
        }
    }

    fn links_of(
        &mut self,
        folder: LinkFolder,
        announced: Value,
        origin: &Origin,
        origins: &M::Map<u32, Origin>,
    ) -> Result<(), OutOfMemory> {
        let read = self.links(folder, announced, &mut |snapshot, number, link| {
            let to = link.node_to().known().and_then(|to| u32::try_from(to).ok());
            let other = to.and_then(|to| origins.get(&to));
            if origin.is_beside_a_peer(folder, other) {
                return;
            }
            let leads_to_own_cpu = origin.leads_to_own_cpu(folder, number);
            if let Some(node) = origin.place.and_then(|own| snapshot.nodes.get_mut(&own)) {
                origin.note_own(&mut node.links, link, other, leads_to_own_cpu);
            }
            if leads_to_own_cpu {
                if !origin.claims_navi10 && link.kind() == XGMI {
                    other.inspect(|other| other.count_unexplained(-1));
                }
                return;
            }
            let place = other
                .filter(|_| to != Some(folder.node()))
                .and_then(|other| other.place);
            if let Some(node) = place.and_then(|place| snapshot.nodes.get_mut(&place)) {
                origin.note_to_card(&mut node.links, link);
            }
        })?;
        if let Some(node) = origin
            .place
            .and_then(|own| self.snapshot.nodes.get_mut(&own))
        {
            if read.missing {
                node.basis = Basis::Nothing;
            }
            if read.unreadable && node.links.xgmi.is_zero() {
                node.links.xgmi = Value::Unreadable;
            }
        }
        self.unfinished_nodes |= read.missing && (origin.has_cpu || origin.place.is_some());
        if read.unreadable || read.missing {
            let others = self.snapshot.nodes.values_mut();
            for node in others.filter(|node| node.number != Some(folder.node())) {
                origin.note_unknown(&mut node.links);
            }
        }
        Ok(())
    }

    /// Reads all links of `folder`, of which there should be `announced`.
    fn links(
        &mut self,
        folder: LinkFolder,
        announced: Value,
        each: &mut dyn FnMut(&mut Snapshot<M>, u32, &LinkProperties),
    ) -> Result<Read, OutOfMemory> {
        let announced = announced.known();
        let links = match self.list(Folder::Links(folder))? {
            Ok(links) => links,
            Err(error) => {
                let absent = error == ReadError::Absent;
                let some = announced.is_some_and(|links| links != 0);
                // A node with no link may have no folder, and kernels before 5.19 have none for
                // indirect links, nor a count of them.
                return Ok(Read {
                    unreadable: !absent || (folder.is_direct() && announced.is_none()),
                    missing: absent && some,
                });
            }
        };
        let mut read = Read {
            unreadable: false,
            missing: announced.is_some_and(|announced| count(links.values()) < announced),
        };
        for (&number, ()) in links.iter() {
            let link = self
                .properties(File::Link(folder, number))?
                .unwrap_or_else(|_| LinkProperties::unreadable());
            read.unreadable |= link.kind().known().is_none() || link.node_to().known().is_none();
            each(&mut self.snapshot, number, &link);
        }
        Ok(read)
    }
}

/// A number of links that is known to be at least so many more.
fn more(links: Value, others: u64) -> Value {
    Value::Known(links.known().unwrap_or(0).saturating_add(others))
}

/// Of the flags of two links from a CPU, those that say the worse of the card: coherent, then what
/// is not known, then what is not filled in.
fn worse(one: Value, other: Value) -> Value {
    let badness = |flags: Value| match flags {
        Value::Known(0) => 2,
        Value::Known(flags) if flags & u64::from(uapi::HSA_IOLINK_FLAGS_NON_COHERENT) != 0 => 1,
        Value::Known(_) => 4,
        Value::Unreadable => 3,
        Value::Absent => 0,
    };
    if badness(other) > badness(one) {
        other
    } else {
        one
    }
}
