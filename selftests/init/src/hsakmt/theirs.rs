// SPDX-License-Identifier: GPL-2.0

//! One card as libhsakmt reports it, converted to the form of the module's files.

use std::cell::RefCell;
use std::collections::BTreeSet;

use anyhow::{ensure, Context, Result};

use super::{Node, Topology};
use crate::report::Record;

/// The banks that libhsakmt adds after KFD's: `HSA_HEAPTYPE`, and the source of each.
pub const ADDED_BANKS: &[(&str, &str)] = &[
    (
        "4",
        "LDS: an aperture that KFD gives each process, with the size in lds_size_in_kb",
    ),
    ("5", "scratch: another such aperture"),
    (
        "6",
        "SVM: address space that the library has set aside in its own process",
    ),
];

/// `HSA_IOLINKTYPE` of PCI Express and of XGMI.
const PCI_EXPRESS: u64 = 2;
const XGMI: u64 = 11;
/// `HSA_LINKPROPERTY`: the other flags are valid; 32-bit or 64-bit atomics are missing.
const OVERRIDE: u64 = 1 << 0;
const NO_ATOMICS: u64 = 1 << 2 | 1 << 3;

/// One card as libhsakmt reports it. Records each key that is read.
pub struct Theirs<'a> {
    node: &'a Node,
    kfd_banks: &'a [Record],
    links_from_cpu: Vec<&'a Record>,
    bank: Option<&'a Record>,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Theirs<'a> {
    /// The card at a PCI address.
    pub fn at(topology: &'a Topology, gpu: &str) -> Result<Self> {
        let found = topology.nodes.iter().find(|node| {
            node.properties.get("kfd_gpu_id").is_ok_and(|id| id != "0")
                && address(&node.properties).is_ok_and(|address| address == gpu)
        });
        let node = found.with_context(|| format!("libhsakmt has no node at {gpu}"))?;
        let number = node.properties.get("node")?;
        let cpus = topology
            .nodes
            .iter()
            .filter(|node| node.properties.has(&[("kfd_gpu_id", "0")]));
        let links = cpus.flat_map(|cpu| &cpu.links);
        Ok(Self {
            node,
            kfd_banks: kfd_banks(node)?,
            links_from_cpu: links.filter(|l| l.has(&[("node_to", number)])).collect(),
            bank: None,
            read: RefCell::default(),
        })
    }

    /// Selects a bank, or none.
    pub fn select_bank(&mut self, number: Option<&str>) -> Result<()> {
        self.bank = match number {
            None => None,
            Some(number) => {
                let mut banks = self.kfd_banks.iter();
                let found = banks.find(|bank| bank.has(&[("bank", number)]));
                Some(found.with_context(|| format!("libhsakmt has no bank {number} of the card"))?)
            }
        };
        Ok(())
    }

    /// The number of KFD's own banks.
    pub fn bank_count(&self) -> usize {
        self.kfd_banks.len()
    }

    /// All keys, prefixed with `node.`, `bank.` or `link.`.
    pub fn keys(&self) -> BTreeSet<String> {
        let own = [("node", &self.node.properties)];
        let banks = self.node.banks.iter().map(|bank| ("bank", bank));
        let links = self.node.links.iter().map(|link| ("link", link));
        let from_cpu = self.links_from_cpu.iter().map(|link| ("link", *link));
        let records = own.into_iter().chain(banks).chain(links).chain(from_cpu);
        let of = |(kind, record): (&'static str, &'a Record)| {
            record.pairs().map(move |(key, _)| format!("{kind}.{key}"))
        };
        records.flat_map(of).collect()
    }

    /// The keys that were read.
    pub fn keys_read(&self) -> BTreeSet<String> {
        self.read.borrow().clone()
    }

    fn number(&self, kind: &str, record: &Record, key: &str) -> Result<u64> {
        self.read.borrow_mut().insert(format!("{kind}.{key}"));
        let value = record.get(key)?;
        value.parse().with_context(|| format!("{key}={value}"))
    }

    fn of_node(&self, key: &str) -> Result<u64> {
        self.number("node", &self.node.properties, key)
    }

    fn of_bank(&self, key: &str) -> Result<u64> {
        let bank = self.bank.context("a value of a bank, and no bank")?;
        self.number("bank", bank, key)
    }

    fn of_link(&self, link: &Record, key: &str) -> Result<u64> {
        self.number("link", link, key)
    }

    fn xgmi_links(&self) -> Result<usize> {
        let mut count = 0;
        for link in &self.node.links {
            count += usize::from(self.of_link(link, "io_link_type")? == XGMI);
        }
        Ok(count)
    }

    fn flags_to_cpu(&self) -> Result<Option<u64>> {
        for link in &self.node.links {
            if self.of_link(link, "io_link_type")? == PCI_EXPRESS {
                return self.of_link(link, "flags").map(Some);
            }
        }
        Ok(None)
    }
}

fn address(node: &Record) -> Result<String> {
    let number = |key| Ok::<u64, anyhow::Error>(node.get(key)?.parse()?);
    let (domain, location) = (number("domain")?, number("location_id")?);
    let (bus, device, function) = (location >> 8, location >> 3 & 0x1f, location & 7);
    Ok(format!("{domain:04x}:{bus:02x}:{device:02x}.{function}"))
}

/// KFD's own banks of a card; fails unless libhsakmt added exactly `ADDED_BANKS` after them.
fn kfd_banks(node: &Node) -> Result<&[Record]> {
    let kfd = node.banks.len().checked_sub(ADDED_BANKS.len());
    let (kfd, added) = node.banks.split_at(kfd.unwrap_or_default());
    let types: Vec<&str> = added
        .iter()
        .filter_map(|b| b.get("heap_type").ok())
        .collect();
    let expected: Vec<&str> = ADDED_BANKS
        .iter()
        .map(|(heap_type, _)| *heap_type)
        .collect();
    ensure!(
        types == expected,
        "expected libhsakmt to add banks of the types {expected:?}, seen {types:?}"
    );
    Ok(kfd)
}

/// The heap types that `HSA_HEAPTYPE` shares with KFD.
fn heap_name(heap_type: u64) -> String {
    let name = match heap_type {
        0 => "system",
        1 => "fb_public",
        2 => "fb_private",
        3 => "gds",
        4 => "lds",
        5 => "scratch",
        _ => return format!("other({heap_type})"),
    };
    name.to_owned()
}

/// Converts a value of libhsakmt to the module's form; `None` if the module shows nothing.
pub type Form = fn(&Theirs<'_>) -> Result<Option<String>>;

fn some(value: impl ToString) -> Result<Option<String>> {
    Ok(Some(value.to_string()))
}

fn hex(value: u64) -> Result<Option<String>> {
    some(format!("{value:#x}"))
}

fn flag(value: bool) -> Result<Option<String>> {
    some(u8::from(value))
}

pub const GPU: Form = |t| {
    for key in ["domain", "location_id"] {
        t.of_node(key)?;
    }
    some(address(&t.node.properties)?)
};
pub const NODE: Form = |t| some(t.of_node("node")?);
pub const GPU_ID: Form = |t| hex(t.of_node("kfd_gpu_id")?);
pub const DEVICE: Form = |t| some(format!("{:#06x}", t.of_node("device_id")?));
pub const MEC_FW: Form = |t| some(t.of_node("engine_ucode")?);

pub const GFX: Form = |t| {
    let [major, minor, stepping] =
        ["engine_major", "engine_minor", "engine_stepping"].map(|key| t.of_node(key));
    some(major? * 10_000 + minor? * 100 + stepping?)
};

pub const ATOMICS_IN_KFD: Form = |t| {
    let flags = t.flags_to_cpu()?.unwrap_or_default();
    some(match (flags & OVERRIDE != 0, flags & NO_ATOMICS != 0) {
        (false, _) => "?",
        (true, true) => "tolerated",
        (true, false) => "requested",
    })
};

pub const BANK: Form = |t| some(t.of_bank("bank")?);
pub const HEAP: Form = |t| some(heap_name(t.of_bank("heap_type")?));
pub const SIZE: Form = |t| some(t.of_bank("size_in_bytes")?);
pub const WIDTH: Form = |t| some(t.of_bank("width")?);
pub const CLOCK: Form = |t| some(t.of_bank("memory_clock_max")?);
pub const BANK_FLAGS: Form = |t| hex(t.of_bank("flags")?);
pub const HEAP_AND_SIZE: Form = |t| {
    let heap = heap_name(t.of_bank("heap_type")?);
    some(format!("{heap}:{}", t.of_bank("size_in_bytes")?))
};

pub const HOT_PLUGGABLE: Form = |t| {
    let mut any = false;
    for bank in t.kfd_banks {
        any |= t.number("bank", bank, "hot_pluggable")? != 0;
    }
    flag(any)
};

pub const ANY_XGMI: Form = |t| {
    let engines = t.of_node("num_sdma_xgmi_engines")?;
    flag(t.of_node("hive_id")? != 0 || engines != 0 || t.xgmi_links()? != 0)
};

pub const HOST_COHERENT: Form = |t| flag(t.of_node("coherent_host_access")? != 0);
pub const CAPABILITY: Form = |t| hex(t.of_node("capability")?);
pub const HIVE: Form = |t| hex(t.of_node("hive_id")?);

pub const IDENTITY: Form = |t| {
    let (vendor, device) = (t.of_node("vendor_id")?, t.of_node("device_id")?);
    some(format!("{vendor:#x}:{device:#x}"))
};

pub const BANK_COUNTS: Form = |t| {
    let listed = t
        .of_node("num_memory_banks")?
        .saturating_sub(ADDED_BANKS.len() as u64);
    some(format!("listed:{listed},found:{}", t.kfd_banks.len()))
};

pub const XGMI_COUNTS: Form = |t| {
    let engines = t.of_node("num_sdma_xgmi_engines")?;
    some(format!("engines:{engines},links:{}", t.xgmi_links()?))
};

/// `None` if no CPU has a link to the card.
pub const FLAGS_FROM_CPU: Form = |t| match t.links_from_cpu.as_slice() {
    [] => Ok(None),
    [link, ..] => hex(t.of_link(link, "flags")?),
};
