// SPDX-License-Identifier: GPL-2.0

//! The CPUs, the memory and the kernel of a machine.

use proptest::{
    prelude::*,
    sample::select, //
};

/// A kernel's age, which decides what KFD prints.
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

/// The link flags that a kernel sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marks {
    Nothing,
    /// The flags for presence and atomics.
    WithoutCoherence,
    Full,
}

/// The maker of the CPUs, which decides the type of KFD's links between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuMaker {
    Amd,
    Intel,
    /// Not x86: KFD creates no links between these.
    Other,
}

/// An online NUMA node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumaNode {
    pub number: u32,
    pub has_cpus: bool,
}

/// The NUMA node of a PCI function, according to the firmware.
#[derive(Clone, Copy, Debug)]
pub enum Numa {
    NotNamed,
    /// An online NUMA node, chosen by this index.
    Online(usize),
    /// The NUMA node with that number, online or not.
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
    /// amdgpu is built without KFD.
    pub without_kfd: bool,
    /// The first free minor number for render nodes.
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

/// NUMA layouts: for each NUMA node whether it has CPUs.
const LAYOUTS: [&[bool]; 9] = [
    &[true],
    &[true],
    &[true, true],
    // Memory without CPUs: CXL, HBM or a virtual machine.
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
            // Leave a gap of two offline nodes before the last.
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
