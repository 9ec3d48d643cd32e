// SPDX-License-Identifier: GPL-2.0

//! The PCI addresses and nodes of cards, from KFD's topology, by KFD's ids.

use std::collections::BTreeMap;

use crate::root::Root;

const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";

/// A card in KFD's topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The PCI address that its node names, if it could be read.
    pub gpu: Option<String>,
    /// Its node.
    pub node: u32,
}

/// All cards that KFD has had since tracing began, by their ids.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<u32, Name>);

impl Names {
    /// Reads KFD's topology again. A card that is gone keeps its name.
    pub fn update(&mut self, root: &Root) {
        for node in root.numbers(NODES) {
            let id = root.text(format!("{NODES}/{node}/gpu_id"));
            let id = id.and_then(|id| id.parse().ok()).filter(|id| *id != 0);
            let Some(id) = id else { continue };
            let properties = root.text(format!("{NODES}/{node}/properties"));
            let gpu = properties.and_then(|text| address(&text));
            self.0.insert(id, Name { gpu, node });
        }
    }

    /// The name of a card.
    pub fn find(&self, gpu_id: u32) -> Option<&Name> {
        self.0.get(&gpu_id)
    }
}

/// The PCI address in a node's properties. Without a line of its domain, the domain is 0.
fn address(properties: &str) -> Option<String> {
    let number = |name: &str| -> Option<u32> {
        let mut lines = properties.lines();
        lines
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?
            .parse()
            .ok()
    };
    let location = number("location_id")?;
    let (bus, device, function) = (location >> 8 & 0xff, location >> 3 & 0x1f, location & 7);
    let domain = number("domain").unwrap_or(0);
    Some(format!("{domain:04x}:{bus:02x}:{device:02x}.{function}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_the_node() {
        let text = "cpu_cores_count 0\nlocation_id 768\ndomain 1\n";
        assert_eq!(address(text).as_deref(), Some("0001:03:00.0"));
        assert_eq!(address("location_id 10\n").as_deref(), Some("0000:00:01.2"));
        assert_eq!(address("domain 1\n"), None);
    }
}
