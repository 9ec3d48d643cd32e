// SPDX-License-Identifier: GPL-2.0

//! Honest machines with any GPUs, and kernels of several ages. Made up, none is a capture.

use std::collections::BTreeSet;

use proptest::{
    bool::weighted,
    collection::vec,
    prelude::*,
    sample::select, //
};

use super::gpus::{
    generation,
    Generation,
    NAVI10, //
};

/// What a kernel of some time prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// About 4.19: no domain, hive, queues or ISA; flags of links stay 0.
    Oldest,
    /// About 5.4: with domain, hive and queues.
    Old,
    /// About 6.1: with the ISA, indirect links, and filled flags.
    New,
    /// From 6.13 on: with the size of a saved context.
    Newest,
}

const AGES: [Age; 4] = [Age::Oldest, Age::Old, Age::New, Age::Newest];

/// PCI domains: firmware's first ones, and the first that the kernel makes up itself.
const DOMAINS: [u32; 3] = [0, 1, 0x10000];

/// A place on the PCI bus. There are few, so that a location is often there in several domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub domain: u32,
    pub bus: u32,
}

impl Place {
    pub fn location(self) -> u64 {
        u64::from(self.bus) << 8
    }
}

#[derive(Clone, Debug)]
pub struct Gpu {
    pub generation: Generation,
    pub place: Place,
    /// The CPU node that it is at.
    pub socket: usize,
    pub large_bar: bool,
    /// AtomicOps get from it to the root port.
    pub requests_atomics: bool,
    /// It completes AtomicOps of others.
    pub completes_atomics: bool,
    pub vram_bytes: u64,
}

impl Gpu {
    pub fn is_judged(&self) -> bool {
        self.generation.device == NAVI10.device
    }

    /// BAR0: all of VRAM, or what is there without resizing.
    pub fn bar0_bytes(&self) -> u64 {
        if self.large_bar {
            self.vram_bytes.next_power_of_two()
        } else {
            256 << 20
        }
    }
}

#[derive(Clone, Debug)]
pub struct Machine {
    pub age: Age,
    pub sockets: usize,
    pub gpus: Vec<Gpu>,
    /// The kernel has `CONFIG_HSA_AMD_P2P`, and the root complex lets GPUs reach each other.
    pub peer_to_peer: bool,
    /// For each node whether a copy of the folder lacks it, unless it is judged.
    lost: Vec<bool>,
    /// PCI functions that are no GPUs.
    bystanders: Vec<Place>,
    /// The PCI facts name all functions, not only the cards that are judged.
    all_functions: bool,
}

fn place() -> impl Strategy<Value = Place> {
    (select(&DOMAINS[..]), 3u32..6).prop_map(|(domain, bus)| Place { domain, bus })
}

fn gpu() -> impl Strategy<Value = Gpu> {
    let atomics = (any::<bool>(), any::<bool>());
    // Up to what a board of the judged device can hold.
    let megabytes = 512u64..=8192;
    let parts = (
        generation(),
        place(),
        0usize..2,
        any::<bool>(),
        atomics,
        megabytes,
    );
    parts.prop_map(
        |(generation, place, socket, large_bar, (requests, completes), megabytes)| Gpu {
            generation,
            place,
            socket,
            large_bar,
            requests_atomics: requests,
            completes_atomics: completes,
            vram_bytes: megabytes << 20,
        },
    )
}

const MOST_SOCKETS: usize = 2;
const MOST_GPUS: usize = 4;

pub fn machine() -> impl Strategy<Value = Machine> {
    let parts = (
        select(&AGES[..]),
        1..=MOST_SOCKETS,
        vec(gpu(), 0..=MOST_GPUS),
        any::<bool>(),
        vec(weighted(0.2), MOST_SOCKETS + MOST_GPUS),
        vec(place(), 0..6),
        any::<bool>(),
    );
    parts.prop_map(
        |(age, sockets, mut gpus, peer_to_peer, lost, mut bystanders, all_functions)| {
            let mut taken = BTreeSet::new();
            for gpu in &mut gpus {
                gpu.socket %= sockets;
                while !taken.insert(gpu.place) {
                    gpu.place.bus += 1;
                }
            }
            bystanders.retain(|place| taken.insert(*place));
            Machine {
                age,
                sockets,
                gpus,
                peer_to_peer,
                lost,
                bystanders,
                all_functions,
            }
        },
    )
}

impl Machine {
    /// The number of a GPU's node: KFD counts the CPUs first.
    pub fn node_of(&self, gpu: usize) -> usize {
        self.sockets + gpu
    }

    /// The GPU of a node.
    pub fn gpu_of(&self, node: usize) -> Option<&Gpu> {
        self.gpus.get(node.checked_sub(self.sockets)?)
    }

    /// Whether the node is in the copy of the folder.
    pub fn is_copied(&self, node: usize) -> bool {
        !self.lost[node] || self.gpu_of(node).is_some_and(Gpu::is_judged)
    }

    /// The nodes of the GPUs that are judged.
    pub fn nodes_of_cards(&self) -> Vec<String> {
        let judged = |at: &usize| self.gpus[*at].is_judged();
        let cards = (0..self.gpus.len()).filter(judged);
        cards.map(|at| self.node_of(at).to_string()).collect()
    }

    /// The file for `--pci`.
    pub fn pci_facts(&self) -> String {
        let mut facts = String::new();
        let mut name = |place: Place, vendor: u32, device: u32, bar0: u64| {
            facts += &format!(
                "domain_bus_device_function={:04x}:{:02x}:00.0\nvendor={vendor:#06x}\n\
                 device={device:#06x}\nbar0_bytes={bar0}\n",
                place.domain, place.bus,
            );
        };
        for gpu in &self.gpus {
            if gpu.is_judged() || self.all_functions {
                name(gpu.place, 0x1002, gpu.generation.device, gpu.bar0_bytes());
            }
        }
        if self.all_functions {
            for place in &self.bystanders {
                name(*place, 0x8086, 0x1572, 8 << 20);
            }
        }
        facts
    }
}
