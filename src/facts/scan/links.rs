// SPDX-License-Identifier: GPL-2.0

//! The links of cards, and those that lead to them.

use crate::{
    facts::{
        map::{
            Map,
            Maps,
            OutOfMemory, //
        },
        node::{
            LinkProperties,
            Links, //
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

impl<M: Maps, T: Topology> Walk<'_, M, T> {
    /// What a node's own links say.
    pub(super) fn own_links(&mut self, node: u32) -> Result<Links, OutOfMemory> {
        let mut links = Links::default();
        links.xgmi = self.xgmi_links(node, &mut links.to_cpu)?;
        Ok(links)
    }

    /// How many of a node's links are XGMI; notes the flags of the first over PCI Express.
    fn xgmi_links(&mut self, node: u32, to_cpu: &mut Value) -> Result<Value, OutOfMemory> {
        let mut found = 0u64;
        for folder in [LinkFolder::Io(node), LinkFolder::PeerToPeer(node)] {
            let links = match (self.list(Folder::Links(folder))?, folder) {
                (Ok(links), _) => links,
                // Kernels before 5.19 have no such folder.
                (Err(ReadError::Absent), LinkFolder::PeerToPeer(_)) => continue,
                (Err(ReadError::Absent), LinkFolder::Io(_)) => return Ok(Value::Absent),
                (Err(_), _) => return Ok(Value::Unreadable),
            };
            for (&link, ()) in links.iter() {
                let link = self
                    .properties::<LinkProperties>(File::Link(folder, link))?
                    .unwrap_or_else(|_| LinkProperties::unreadable());
                let Some(kind) = link.kind.known() else {
                    return Ok(Value::Unreadable);
                };
                if kind == u64::from(uapi::HSA_IOLINK_TYPE_XGMI) {
                    bump(&mut found);
                } else if kind == u64::from(uapi::HSA_IOLINK_TYPE_PCIEXPRESS)
                    && *to_cpu == Value::Absent
                {
                    *to_cpu = link.flags;
                }
            }
        }
        Ok(Value::Known(found))
    }

    /// Finds the links that lead from CPU nodes to the cards.
    pub(super) fn links_from_cpu(&mut self) -> Result<(), OutOfMemory> {
        if self.next_card == 0 {
            return Ok(());
        }
        let cpu_nodes = core::mem::take(&mut self.cpu_nodes);
        for (&cpu, ()) in cpu_nodes.iter() {
            let folder = LinkFolder::Io(cpu);
            let links = match self.list(Folder::Links(folder))? {
                Ok(links) => links,
                // A CPU node without links: no card has a large BAR.
                Err(ReadError::Absent) => continue,
                Err(_) => {
                    self.link_from_cpu(None, Value::Unreadable);
                    continue;
                }
            };
            for (&link, ()) in links.iter() {
                let link = self
                    .properties(File::Link(folder, link))?
                    .unwrap_or_else(|_| LinkProperties::unreadable());
                self.link_from_cpu(link.node_to.known(), link.flags);
            }
        }
        Ok(())
    }

    /// Notes a link from a CPU node to node `to`, or to any node if that is not known.
    fn link_from_cpu(&mut self, to: Option<u64>, flags: Value) {
        let cards = self.snapshot.cards.values_mut();
        for node in cards.filter_map(|card| card.node.as_mut()) {
            if to == Some(node.number.into()) {
                node.links.from_cpu = flags;
            } else if to.is_none() && node.links.from_cpu == Value::Absent {
                node.links.from_cpu = Value::Unreadable;
            }
        }
    }
}
