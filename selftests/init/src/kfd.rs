// SPDX-License-Identifier: GPL-2.0

//! Reads the sysfs files of KFD and the PCI core directly. The cases compare the module's facts
//! with this second source.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

/// KFD's topology.
pub const TOPOLOGY: &str = "/sys/class/kfd/kfd/topology";

/// The value of a line `name value` in one of KFD's `properties` files.
pub fn property(path: &Path, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    for line in text.lines() {
        if let Some((key, value)) = line.split_once(' ') {
            if key == name {
                let value = value.trim();
                return value
                    .parse()
                    .with_context(|| format!("{name} is {value:?}, no number"));
            }
        }
    }
    bail!("{} has no line {name}", path.display());
}

/// The folder of a KFD node.
pub fn node(number: &str) -> PathBuf {
    Path::new(TOPOLOGY).join("nodes").join(number)
}

/// The numbers of all nodes.
pub fn nodes() -> Result<Vec<String>> {
    let nodes = Path::new(TOPOLOGY).join("nodes");
    let mut numbers = Vec::new();
    for node in fs::read_dir(&nodes).with_context(|| format!("list {}", nodes.display()))? {
        let name = node.context("list KFD's nodes")?.file_name();
        numbers.push(name.to_string_lossy().into_owned());
    }
    numbers.sort_by_key(|number| number.parse().unwrap_or(u64::MAX));
    Ok(numbers)
}

/// The nodes that claim this PCI address.
pub fn nodes_at(gpu: &str) -> Result<Vec<String>> {
    let mut found = nodes()?;
    let mut result = Ok(());
    found.retain(|number| {
        let properties = node(number).join("properties");
        let claims = ["domain", "location_id"].map(|name| property(&properties, name));
        match claims {
            [Ok(domain), Ok(location)] => address(domain, location) == gpu,
            [Err(error), _] | [_, Err(error)] => {
                result = Err(error);
                false
            }
        }
    });
    result.map(|()| found)
}

fn address(domain: u64, location: u64) -> String {
    let (bus, device, function) = (location >> 8, location >> 3 & 0x1f, location & 7);
    format!("{domain:04x}:{bus:02x}:{device:02x}.{function}")
}

/// `HSA_IOLINKTYPE_PCIEXPRESS` (`kfd_crat.h`).
const PCI_EXPRESS: u64 = 2;

/// The flags of each PCIe link, direct or indirect, to a node from a node that has CPUs.
pub fn links_from_cpus(to: &str) -> Result<Vec<u64>> {
    let mut flags = Vec::new();
    for number in nodes()? {
        let from = node(&number);
        if property(&from.join("properties"), "cpu_cores_count")? == 0 {
            continue;
        }
        for link in links(&from)? {
            // Links between CPUs name NUMA nodes, which KFD numbers differently.
            if property(&link, "type")? == PCI_EXPRESS
                && property(&link, "node_to")?.to_string() == to
            {
                flags.push(property(&link, "flags")?);
            }
        }
    }
    Ok(flags)
}

/// The properties files of a node's links, direct links first.
fn links(node: &Path) -> Result<Vec<PathBuf>> {
    let mut links = Vec::new();
    for folder in ["io_links", "p2p_links"] {
        let folder = node.join(folder);
        // Kernels before 5.19 show no indirect links.
        if folder.exists() {
            for link in
                fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?
            {
                links.push(link.context("list KFD's links")?.path().join("properties"));
            }
        }
    }
    Ok(links)
}

/// Whether KFD publishes a link to this node from a node that has CPUs.
pub fn has_link_from_cpu(number: &str) -> Result<bool> {
    Ok(!links_from_cpus(number)?.is_empty())
}

/// The flags of the direct link from one node to another.
pub fn link_flags(from: &str, to: &str) -> Result<u64> {
    let links = node(from).join("io_links");
    for link in fs::read_dir(&links).with_context(|| format!("list {}", links.display()))? {
        let properties = link.context("list KFD's links")?.path().join("properties");
        if property(&properties, "node_to")?.to_string() == to {
            return property(&properties, "flags");
        }
    }
    bail!("{} has no link to node {to}", links.display());
}

/// KFD's `generation_id`.
pub fn generation() -> Result<u64> {
    number(&Path::new(TOPOLOGY).join("generation_id"))
}

/// The number in a sysfs file that holds nothing else.
pub fn number(path: &Path) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    text.trim()
        .parse()
        .with_context(|| format!("{} holds {text:?}", path.display()))
}

/// The subsystem of a PCI function: `vendor:device`.
pub fn pci_subsystem(gpu: &str) -> Result<String> {
    let vendor = pci_attribute(gpu, "subsystem_vendor")?;
    Ok(format!(
        "{vendor}:{}",
        pci_attribute(gpu, "subsystem_device")?
    ))
}

/// A one-word attribute of a PCI function, such as `device` or `revision`.
pub fn pci_attribute(gpu: &str, name: &str) -> Result<String> {
    let path = Path::new("/sys/bus/pci/devices").join(gpu).join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// The driver that is bound to a PCI function. The `driver` symlink shows the name of its
/// registration, and the stock fixture cannot register a driver as `amdgpu`.
pub fn pci_driver(gpu: &str) -> Result<Option<String>> {
    let uevent = pci_attribute(gpu, "uevent")?;
    let name = uevent.lines().find_map(|line| line.strip_prefix("DRIVER="));
    Ok(name.map(Into::into))
}

/// The `current` or `max` speed of a function's link in GT/s, without a trailing `.0`.
pub fn pci_link_speed(gpu: &str, which: &str) -> Result<String> {
    let text = pci_attribute(gpu, &format!("{which}_link_speed"))?;
    let number = text.split(' ').next().unwrap_or_default();
    Ok(number.strip_suffix(".0").unwrap_or(number).to_owned())
}

/// The size of a PCI function's BAR 0.
pub fn bar0_bytes(gpu: &str) -> Result<u64> {
    let text = pci_attribute(gpu, "resource")?;
    bar_bytes(&text).with_context(|| format!("resource of {gpu} begins oddly: {text:?}"))
}

/// The size of the first window (BAR 0) in a PCI function's `resource` file.
fn bar_bytes(resource: &str) -> Option<u64> {
    let number = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    let mut words = resource.lines().next()?.split_whitespace();
    let (start, end) = (number(words.next()?)?, number(words.next()?)?);
    Some(if start == 0 && end == 0 {
        0
    } else {
        end.checked_sub(start)?.checked_add(1)?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_window() {
        let line = "0x0000001000000000 0x00000011ffffffff 0x000000000014220c\n";
        assert_eq!(bar_bytes(line), Some(8 << 30));
        assert_eq!(bar_bytes("0x0 0x0 0x0\n"), Some(0));
        assert_eq!(bar_bytes("0x2 0x0 0x0\n"), None);
        assert_eq!(bar_bytes(""), None);
    }

    #[test]
    fn the_address_of_a_node() {
        assert_eq!(address(1, 0x0300), "0001:03:00.0");
        assert_eq!(address(0x10000, 0x090a), "10000:09:01.2");
    }
}
