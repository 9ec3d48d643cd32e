// SPDX-License-Identifier: GPL-2.0

//! The CPUs and the memory of a machine, and its kernel.

use proptest::{
    prelude::*,
    sample::select, //
};

/// What a kernel of some time prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// About 4.19: no domain, hive, queues or ISA.
    Oldest,
    /// About 5.4: with domain, hive and queues.
    Old,
    /// About 6.1: with the ISA and indirect links.
    New,
    /// From 6.13 on: with the size of a saved context.
    Newest,
}

/// What a kernel writes into the flags of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marks {
    Nothing,
    /// That they are there, and whether they carry atomics.
    WithoutCoherence,
    Full,
}

/// Who made the CPUs: that decides what KFD links them by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuMaker {
    Amd,
    Intel,
    /// No x86: KFD makes no links between these.
    Other,
}

/// An online NUMA node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumaNode {
    pub number: u32,
    pub has_cpus: bool,
}

/// The NUMA node that the firmware names for a PCI function.
#[derive(Clone, Copy, Debug)]
pub enum Numa {
    NotNamed,
    /// One that is online.
    Online(usize),
    /// The one with that number, online or not.
    Number(u32),
}

#[derive(Clone, Debug)]
pub struct Host {
    pub age: Age,
    pub marks: Marks,
    pub cpu: CpuMaker,
    /// In the order of their numbers.
    pub numa: Vec<NumaNode>,
    /// The kernel has `CONFIG_HSA_AMD_P2P`, and the chipset lets GPUs reach each other.
    pub peer_to_peer: bool,
    /// amdgpu treats every BAR as large (`amdgpu.debug_mask`).
    pub debug_large_bar: bool,
    /// amdgpu was built without KFD.
    pub without_kfd: bool,
    /// The first minor number of a render node that is free.
    pub first_minor: u32,
}

const AGES: [Age; 6] = [
    Age::Oldest,
    Age::Old,
    Age::New,
    Age::New,
    Age::Newest,
    Age::Newest,
];

const MARKS: [Marks; 3] = [Marks::Nothing, Marks::WithoutCoherence, Marks::Full];

const CPUS: [CpuMaker; 4] = [
    CpuMaker::Amd,
    CpuMaker::Amd,
    CpuMaker::Intel,
    CpuMaker::Other,
];

/// Whether each NUMA node has CPUs.
const LAYOUTS: [&[bool]; 9] = [
    &[true],
    &[true],
    &[true, true],
    // Memory without CPUs: CXL, HBM, a virtual machine.
    &[true, false],
    &[true, false, true],
    &[false, true],
    &[true, true, true, true],
    &[true, false, true, false],
    &[true, true, false, false, false],
];

fn numa() -> impl Strategy<Value = Vec<NumaNode>> {
    let is_last_apart = prop::bool::weighted(0.1);
    (select(&LAYOUTS[..]), is_last_apart).prop_map(|(layout, apart)| {
        let last = layout.len() as u32 - 1;
        let node = |(number, &has_cpus): (u32, &bool)| NumaNode {
            // The nodes between are offline.
            number: number + u32::from(apart && number == last && last > 0) * 2,
            has_cpus,
        };
        (0..).zip(layout).map(node).collect()
    })
}

pub fn host() -> impl Strategy<Value = Host> {
    let parts = (
        select(&AGES[..]),
        select(&MARKS[..]),
        select(&CPUS[..]),
        numa(),
        any::<bool>(),
        prop::bool::weighted(0.03),
        prop::bool::weighted(0.01),
        128u32..130,
    );
    parts.prop_map(
        |(age, marks, cpu, numa, peer_to_peer, debug_large_bar, without_kfd, first_minor)| Host {
            age,
            marks: match age {
                Age::Oldest => marks.min(Marks::WithoutCoherence),
                Age::Old => marks,
                Age::New | Age::Newest => Marks::Full,
            },
            cpu,
            numa,
            peer_to_peer,
            debug_large_bar,
            without_kfd,
            first_minor,
        },
    )
}

impl Host {
    pub fn number_of(&self, numa: Numa) -> Option<u32> {
        match numa {
            Numa::NotNamed => None,
            Numa::Online(nth) => Some(self.numa[nth % self.numa.len()].number),
            Numa::Number(number) => Some(number),
        }
    }
}
