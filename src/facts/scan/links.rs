// SPDX-License-Identifier: GPL-2.0

//! The links of cards, and those that lead to them.

use crate::{
    facts::{
        map::{
            count,
            Map,
            Maps,
            OutOfMemory, //
        },
        node::{
            LinkProperties,
            Links,
            NodeProperties, //
        },
        properties::Properties,
        tally::bump,
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

/// What reading all links of a folder came to.
struct Read {
    /// Some could not be read.
    unreadable: bool,
    /// Fewer are there than the node says: KFD makes them last, and takes them away first.
    missing: bool,
}

impl<M: Maps, T: Topology> Walk<'_, M, T> {
    /// What a node's own links say, and whether all are there.
    pub(super) fn own_links(
        &mut self,
        node: u32,
        properties: &NodeProperties,
    ) -> Result<(Links, bool), OutOfMemory> {
        let mut xgmi = 0u64;
        let mut to_cpu = Value::Absent;
        let mut each = |link: LinkProperties| {
            let kind = link.kind().known();
            if kind == Some(uapi::HSA_IOLINK_TYPE_XGMI.into()) {
                bump(&mut xgmi);
            } else if kind == Some(uapi::HSA_IOLINK_TYPE_PCIEXPRESS.into())
                && to_cpu == Value::Absent
            {
                to_cpu = link.flags();
            }
        };
        let direct = self.links(LinkFolder::Io(node), properties.io_links_count(), &mut each)?;
        let indirect = self.links(
            LinkFolder::PeerToPeer(node),
            properties.p2p_links_count(),
            &mut each,
        )?;
        let links = Links {
            xgmi: if xgmi == 0 && (direct.unreadable || indirect.unreadable) {
                Value::Unreadable
            } else {
                Value::Known(xgmi)
            },
            from_cpu: Value::Absent,
            to_cpu,
        };
        Ok((links, !direct.missing && !indirect.missing))
    }

    /// Finds the links that lead from CPU nodes to the cards.
    pub(super) fn links_from_cpu(&mut self) -> Result<(), OutOfMemory> {
        if self.next_card == 0 {
            return Ok(());
        }
        let cpu_nodes = core::mem::take(&mut self.cpu_nodes);
        for (&cpu, properties) in cpu_nodes.iter() {
            for (folder, announced) in [
                (LinkFolder::Io(cpu), properties.io_links_count()),
                // With several sockets, the CPUs that the card is not at reach it by these.
                (LinkFolder::PeerToPeer(cpu), properties.p2p_links_count()),
            ] {
                let mut found: M::Map<u64, Value> = Default::default();
                let mut result = Ok(());
                let read = self.links(folder, announced, &mut |link| {
                    if let (Some(to), Ok(())) = (link.node_to().known(), result) {
                        let flags = found
                            .get(&to)
                            .map_or(link.flags(), |&flags| worse(flags, link.flags()));
                        result = found.insert(to, flags);
                    }
                })?;
                result?;
                for (&to, &flags) in found.iter() {
                    self.link_from_cpu(|node| node == to, flags);
                }
                self.unfinished_nodes |= read.missing;
                if read.unreadable || read.missing {
                    self.link_from_cpu(|_| true, Value::Unreadable);
                }
            }
        }
        Ok(())
    }

    /// Notes the flags of a link from a CPU node to the nodes that `to` says yes to.
    fn link_from_cpu(&mut self, to: impl Fn(u64) -> bool, flags: Value) {
        let cards = self.snapshot.cards.values_mut();
        for node in cards.filter_map(|card| card.node.as_mut()) {
            if to(node.number.into()) {
                node.links.from_cpu = worse(node.links.from_cpu, flags);
            }
        }
    }

    /// Reads all links of `folder`, of which there should be `announced`.
    fn links(
        &mut self,
        folder: LinkFolder,
        announced: Value,
        each: &mut dyn FnMut(LinkProperties),
    ) -> Result<Read, OutOfMemory> {
        let announced = announced.known();
        let links = match self.list(Folder::Links(folder))? {
            Ok(links) => links,
            Err(error) => {
                let absent = error == ReadError::Absent;
                let some = announced.is_some_and(|links| links != 0);
                // A node with no link may have no folder, and kernels before 5.19 have none for
                // indirect links, nor a count of them.
                let direct = matches!(folder, LinkFolder::Io(_));
                return Ok(Read {
                    unreadable: !absent || (direct && announced.is_none()),
                    missing: absent && some,
                });
            }
        };
        let mut read = Read {
            unreadable: false,
            missing: announced.is_some_and(|announced| count(links.values()) < announced),
        };
        for (&link, ()) in links.iter() {
            let link = self
                .properties(File::Link(folder, link))?
                .unwrap_or_else(|_| LinkProperties::unreadable());
            read.unreadable |= link.kind().known().is_none() || link.node_to().known().is_none();
            each(link);
        }
        Ok(read)
    }
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
