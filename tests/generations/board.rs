// SPDX-License-Identifier: GPL-2.0

//! The boards that a slot can hold: a GPU, or another PCI function.

use proptest::{
    bool::weighted,
    prelude::*,
    sample::select, //
};

use super::gpus::{
    generation,
    CpuLink,
    Generation,
    NAVI10, //
};

pub const AMD: u16 = 0x1002;

/// The size of BAR0, relative to VRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    Small,
    Partial,
    Large,
}

#[derive(Clone, Debug)]
pub struct Gpu {
    pub generation: Generation,
    pub vram_bytes: u64,
    /// amdgpu uses only a small part of the BAR (`amdgpu.vis_vramlimit`).
    pub is_limited: bool,
    /// Its AtomicOps reach the root port.
    pub requests_atomics: bool,
    /// It completes AtomicOps of other devices.
    pub completes_atomics: bool,
    /// Its firmware needs AtomicOps. Without them KFD refuses the card.
    pub needs_atomics: bool,
}

/// A PCI function other than an AMD GPU.
#[derive(Clone, Copy, Debug)]
pub struct Other {
    pub vendor: u16,
    pub device: u16,
    pub driver: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub enum Board {
    Gpu(Gpu),
    Other(Other),
}

const SMALL_BAR: u64 = 256 << 20;

impl Bar {
    pub fn bytes(self, vram_bytes: u64) -> u64 {
        let whole = vram_bytes.next_power_of_two();
        match self {
            Self::Small => SMALL_BAR,
            Self::Partial => (whole / 2).min(1 << 30),
            Self::Large => whole,
        }
    }
}

impl Gpu {
    pub fn is_judged(&self) -> bool {
        self.generation.device == NAVI10.device
    }

    /// The VRAM that the CPU reaches with a BAR0 of that size (`gmc.visible_vram_size`).
    pub fn visible_bytes(&self, bar0_bytes: u64) -> u64 {
        if self.generation.apu || self.reaches_cpu_over_xgmi() {
            self.vram_bytes
        } else if self.is_limited {
            SMALL_BAR.min(self.vram_bytes)
        } else {
            bar0_bytes.min(self.vram_bytes)
        }
    }

    pub fn reaches_cpu_over_xgmi(&self) -> bool {
        self.generation.cpu_link != CpuLink::PciExpress
    }

    pub fn has_xgmi(&self) -> bool {
        self.generation.hive || self.reaches_cpu_over_xgmi()
    }

    /// Whether KFD refuses it (`kgd2kfd_device_init()`).
    pub fn is_refused(&self) -> bool {
        self.needs_atomics && !self.requests_atomics
    }
}

impl Board {
    pub fn gpu(&self) -> Option<&Gpu> {
        match self {
            Self::Gpu(gpu) => Some(gpu),
            Self::Other(_) => None,
        }
    }

    pub fn is_judged(&self) -> bool {
        self.gpu().is_some_and(Gpu::is_judged)
    }

    pub fn id(&self) -> (u16, u16) {
        match self {
            Self::Gpu(gpu) => (AMD, gpu.generation.device),
            Self::Other(other) => (other.vendor, other.device),
        }
    }

    pub fn bar0_bytes(&self, bar: Bar) -> u64 {
        match self {
            Self::Gpu(gpu) => bar.bytes(gpu.vram_bytes),
            Self::Other(_) => 16 << 10,
        }
    }
}

const OTHERS: [Other; 4] = [
    Other {
        vendor: 0x8086,
        device: 0x1572,
        driver: Some("i40e"),
    },
    Other {
        vendor: 0x144d,
        device: 0xa808,
        driver: Some("nvme"),
    },
    Other {
        vendor: 0x10de,
        device: 0x2204,
        driver: None,
    },
    // A Navi10 board's audio function, at the location where other bus numbering put it.
    Other {
        vendor: AMD,
        device: 0xab38,
        driver: Some("snd_hda_intel"),
    },
];

pub fn bar() -> impl Strategy<Value = Bar> {
    select(&[Bar::Large, Bar::Small, Bar::Partial][..])
}

pub fn gpu() -> impl Strategy<Value = Gpu> {
    let parts = (
        generation(),
        // At most the VRAM of the largest 0x731f board: a larger bank is a lie.
        prop_oneof![Just(8192u64), Just(6128), 512u64..=8192],
        weighted(0.05),
        (weighted(0.7), weighted(0.7), weighted(0.1)),
    );
    parts.prop_map(
        |(generation, megabytes, is_limited, (requests, completes, needs))| Gpu {
            generation,
            vram_bytes: megabytes << 20,
            is_limited,
            requests_atomics: requests,
            completes_atomics: completes,
            needs_atomics: needs,
        },
    )
}

pub fn board() -> impl Strategy<Value = Board> {
    prop_oneof![
        5 => gpu().prop_map(Board::Gpu),
        1 => select(&OTHERS[..]).prop_map(Board::Other),
    ]
}
