// SPDX-License-Identifier: GPL-2.0

//! Draws honest machines, each with a history and a way to read it. None is a capture.

use std::collections::BTreeSet;

use proptest::{
    bool::weighted,
    collection::vec,
    prelude::*,
    sample::select, //
};

use super::{
    act::{
        acts,
        Act, //
    },
    board::{
        bar,
        board,
        Bar,
        Board,
        Gpu, //
    },
    host::{
        host,
        Age,
        Host,
        Numa, //
    },
    pci::Contents,
};

/// A location on the PCI bus. There are few, so that several domains often have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub domain: u32,
    pub bus: u8,
    pub device: u8,
}

impl Place {
    /// The location as `PCI_DEVID()` packs it and KFD prints it.
    pub fn location(self) -> u64 {
        u64::from(self.bus) << 8 | u64::from(self.device) << 3
    }
}

/// A slot at boot.
#[derive(Clone, Debug)]
pub struct Slot {
    pub place: Place,
    pub numa: Numa,
    pub board: Board,
    pub bar: Bar,
    /// The reader's devices cgroup denies its render node.
    pub is_denied: bool,
}

/// The progress of the last act.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// It is complete.
    Rest,
    /// It stops after so many thousandths of its steps.
    Held(u32),
    /// It continues from there while the module reads.
    Moving {
        from: u32,
        reads_per_step: u32,
        steps_per_wait: u32,
    },
}

/// The source of PCI facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// No PCI facts.
    Nowhere,
    /// A file, as `classify` reads it.
    File(Contents),
    /// The PCI core.
    Core,
}

#[derive(Clone, Debug)]
pub struct Machine {
    pub host: Host,
    pub slots: Vec<Slot>,
    /// The acts, each with the number of its slot.
    pub acts: Vec<(usize, Act)>,
    pub stop: Stop,
    pub source: Source,
    /// For each node whether a copy of the topology lacks it. A copy never lacks a card's node.
    pub lost: Vec<bool>,
    /// The copy lacks `generation_id`.
    pub without_generation: bool,
}

/// The first PCI domains of firmware, and the first that the kernel assigns itself.
const DOMAINS: [u32; 4] = [0, 0, 1, 0x10000];

const MOST_SLOTS: usize = 4;

fn place() -> impl Strategy<Value = Place> {
    let usual = (select(&DOMAINS[..]), 3u8..6).prop_map(|(domain, bus)| Place {
        domain,
        bus,
        device: 0,
    });
    // As in a guest. Location 0 is also what KFD prints before it sets the location.
    let on_root = (select(&DOMAINS[..]), 0u8..3).prop_map(|(domain, device)| Place {
        domain,
        bus: 0,
        device,
    });
    prop_oneof![6 => usual, 1 => on_root]
}

fn slot() -> impl Strategy<Value = Slot> {
    let numa = prop_oneof![
        3 => Just(Numa::NotNamed),
        6 => (0usize..5).prop_map(Numa::Online),
        1 => (0u32..7).prop_map(Numa::Number),
    ];
    (place(), numa, board(), bar(), weighted(0.02)).prop_map(
        |(place, numa, board, bar, is_denied)| Slot {
            place,
            numa,
            board,
            bar,
            is_denied,
        },
    )
}

fn stop() -> impl Strategy<Value = Stop> {
    let moving = (0u32..1000, 1u32..30, 1u32..60).prop_map(|(from, reads, steps)| Stop::Moving {
        from,
        reads_per_step: reads,
        steps_per_wait: steps,
    });
    prop_oneof![
        4 => Just(Stop::Rest),
        2 => (0u32..1000).prop_map(Stop::Held),
        2 => moving,
    ]
}

fn source() -> impl Strategy<Value = Source> {
    let file = any::<[bool; 3]>()
        .prop_map(|[all, drivers, vram]| Source::File(Contents { all, drivers, vram }));
    prop_oneof![1 => Just(Source::Nowhere), 2 => file, 3 => Just(Source::Core)]
}

pub fn machine() -> impl Strategy<Value = Machine> {
    let parts = (
        host(),
        vec(slot(), 1..=MOST_SLOTS),
        acts(MOST_SLOTS),
        stop(),
        source(),
        vec(weighted(0.1), 10),
        any::<bool>(),
    );
    parts.prop_map(
        |(host, mut slots, acts, stop, source, lost, without_generation)| {
            let mut taken = BTreeSet::new();
            for slot in &mut slots {
                while !taken.insert(slot.place) {
                    slot.place.bus += 1;
                }
            }
            let count = slots.len();
            Machine {
                host,
                slots,
                acts: acts
                    .into_iter()
                    .map(|(at, act)| (at % count, act))
                    .collect(),
                stop,
                source,
                lost,
                without_generation,
            }
        },
    )
}

impl Machine {
    fn gpus(&self) -> impl Iterator<Item = &Gpu> {
        let later = self.acts.iter().filter_map(|(_, act)| match act {
            Act::Plug(board, _) => board.as_ref(),
            _ => None,
        });
        let boards = self.slots.iter().map(|slot| &slot.board).chain(later);
        boards.filter_map(Board::gpu)
    }

    /// Whether the firmware's table lists an APU in the CPU's node.
    pub fn firmware_knows_apu(&self) -> bool {
        let is_old = self.host.age <= Age::New && self.host.numa.len() == 1;
        let has_apu = self.gpus().any(|gpu| gpu.generation.in_cpu_node);
        // Such an APU never comes with a GPU that reaches the CPU over XGMI.
        let is_server = self.gpus().any(Gpu::reaches_cpu_over_xgmi);
        is_old && has_apu && !is_server
    }
}
