// SPDX-License-Identifier: GPL-2.0

//! A model of KFD's topology, after `kfd_crat.c` and `kfd_topology.c` of Linux 7.3: step by step,
//! with the state of sysfs between the steps.
//!
//! KFD calls a node's number in its list the proximity domain. It uses NUMA node numbers as
//! proximity domains, although the two can differ.

mod create;
mod fill;
mod indirect;
mod show;
mod text;

use std::rc::Rc;

use super::{
    host::{
        CpuMaker,
        Host, //
    },
    life::Life, //
};

pub use self::{
    create::Created,
    fill::{
        ADDRESSED,
        FILLED,
        IDENTIFIED,
        MARKED, //
    }, //
};

/// Link types (`CRAT_IOLINK_TYPE_*`, `kfd_crat.h`).
pub const HYPERTRANSPORT: u64 = 1;
pub const PCI_EXPRESS: u64 = 2;
pub const QPI: u64 = 5;
pub const XGMI: u64 = 11;

/// Link flags (`HSA_IOLINK_FLAGS_*`, `kfd_sysfs.h`).
pub const ENABLED: u64 = 1;
pub const NON_COHERENT: u64 = 2;
pub const NO_ATOMICS: u64 = 4 | 8;

#[derive(Clone, Debug)]
pub struct Link {
    pub kind: u64,
    pub from: usize,
    pub to: usize,
    pub flags: u64,
    /// Reading it needs access to a GPU whose render node is denied to the reader.
    pub is_denied: bool,
    /// The number of its folder in sysfs, if it exists.
    pub shown: Option<u32>,
    /// KFD removed it from its list, but its folder still exists.
    pub is_orphan: bool,
}

#[derive(Clone, Debug)]
pub struct Bank {
    pub heap: u64,
    pub bytes: u64,
    pub flags: u64,
    pub shown: Option<u32>,
}

/// The parts of a node that sysfs shows, without the contents of its subfolders.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The number of its folder.
    pub number: Option<u32>,
    pub banks: bool,
    pub direct: bool,
    pub indirect: bool,
    pub gpu_id: bool,
    pub properties: bool,
}

#[derive(Clone, Debug)]
pub struct Node {
    /// The GPU's life, if the node has a GPU.
    pub life: Option<Rc<Life>>,
    pub cores: u64,
    /// The firmware's table lists a GPU in this CPU's node.
    pub awaits_apu: bool,
    /// How far KFD has filled it in, up to [`FILLED`].
    pub filled: u8,
    pub hive: u64,
    pub banks: Vec<Bank>,
    pub direct: Vec<Link>,
    pub indirect: Vec<Link>,
    pub shown: Shown,
    /// False lines, which replace KFD's own.
    pub told: Vec<(&'static str, u64)>,
}

#[derive(Clone, Debug)]
pub struct Kfd {
    pub host: Host,
    pub nodes: Vec<Node>,
    pub generation: u32,
}

impl Link {
    pub fn new(kind: u64, from: usize, to: usize) -> Self {
        Self {
            kind,
            from,
            to,
            flags: 0,
            is_denied: false,
            shown: None,
            is_orphan: false,
        }
    }

    /// The reverse link, as `kfd_parse_subtype_iolink()` copies it.
    fn reversed(&self) -> Self {
        Self::new(self.kind, self.to, self.from)
    }
}

impl Node {
    fn new(life: Option<Rc<Life>>, cores: u64, bank: (u64, u64)) -> Self {
        let (heap, bytes) = bank;
        Self {
            life,
            cores,
            awaits_apu: false,
            filled: 0,
            hive: 0,
            banks: vec![Bank {
                heap,
                bytes,
                flags: 0,
                shown: None,
            }],
            direct: Vec::new(),
            indirect: Vec::new(),
            shown: Shown::default(),
            told: Vec::new(),
        }
    }

    /// Whether the node belongs to this life.
    pub fn is_of(&self, life: u32) -> bool {
        self.life.as_ref().is_some_and(|own| own.id == life)
    }
}

impl Kfd {
    /// `kfd_create_vcrat_image_cpu()`, or the firmware's table if it lists an APU.
    pub fn new(host: &Host, firmware_knows_apu: bool) -> Self {
        let numbers: Vec<u32> = host.numa.iter().map(|node| node.number).collect();
        let with_cpus = host.numa.iter().filter(|node| node.has_cpus);
        let mut nodes: Vec<Node> = with_cpus
            .clone()
            .map(|_| Node::new(None, 16, (0, 32 << 30)))
            .collect();
        nodes[0].awaits_apu = firmware_knows_apu;
        let kind = match host.cpu {
            CpuMaker::Amd => HYPERTRANSPORT,
            CpuMaker::Intel => QPI,
            CpuMaker::Other => 0,
        };
        let links = with_cpus.flat_map(|from| numbers.iter().map(|&to| (from.number, to)));
        for (from, to) in links.filter(|(from, to)| from != to && kind != 0) {
            // KFD uses the NUMA number. If no KFD node has that number, KFD drops the link.
            if let Some(node) = nodes.get_mut(from as usize) {
                let link = Link::new(kind, from as usize, to as usize);
                node.direct.push(link);
            }
        }
        let mut kfd = Self {
            host: host.clone(),
            nodes,
            generation: 0,
        };
        while kfd.show_more() {}
        kfd.generation = 1;
        kfd
    }

    /// The number of the node of this life.
    pub fn node_of(&self, life: u32) -> Option<usize> {
        self.nodes.iter().position(|node| node.is_of(life))
    }
}
