// SPDX-License-Identifier: GPL-2.0

//! Honest topologies of machines with any GPUs, as kernels of several ages print them.
//!
//! Made up, none is a capture. Device ids and ISA versions are of `amdgpu_drv.c` (`pciidlist`) and
//! `kfd_device.c` (`kgd2kfd_probe()`), the lines are those of `node_show()`, `mem_show()` and
//! `iolink_show()` in `kfd_topology.c`. Sizes, counts and clocks are guesses.

use std::{
    collections::BTreeMap,
    fs,
    path::Path, //
};

use proptest::{
    prelude::*,
    sample::select, //
};

/// A kind of GPU.
#[derive(Clone, Debug)]
pub struct Generation {
    pub device: u32,
    gfx: u32,
    /// A node with CPU cores of its own.
    apu: bool,
    /// Sits in an XGMI hive with others of its kind, or with the CPU.
    hive: bool,
    /// `HSA_CAP_*` bits.
    capability: u32,
}

const fn card(device: u32, gfx: u32) -> Generation {
    Generation {
        device,
        gfx,
        apu: false,
        hive: false,
        capability: 0x0028_2280,
    }
}

const fn apu(device: u32, gfx: u32) -> Generation {
    Generation {
        apu: true,
        ..card(device, gfx)
    }
}

const fn in_hive(device: u32, gfx: u32) -> Generation {
    Generation {
        hive: true,
        ..card(device, gfx)
    }
}

/// The device that is judged.
pub const NAVI10: Generation = card(0x731f, 100_100);

const OTHERS: [Generation; 30] = [
    apu(0x130f, 70_000),
    card(0x67b0, 70_001),
    apu(0x9874, 80_001),
    card(0x7300, 80_003),
    card(0x67df, 80_003),
    card(0x687f, 90_000),
    card(0x6860, 90_000),
    apu(0x15dd, 90_002),
    card(0x66af, 90_006),
    in_hive(0x66a1, 90_006),
    in_hive(0x738c, 90_008),
    in_hive(0x740f, 90_010),
    in_hive(0x74a1, 90_402),
    // MI300A: an APU, and coherent host access is the truth of it (bit 28).
    Generation {
        apu: true,
        capability: 0x3c67_a280,
        ..in_hive(0x74a0, 90_402)
    },
    in_hive(0x75a0, 90_500),
    // Navi10 all of them, and yet not the device that is judged.
    card(0x7310, 100_100),
    card(0x7312, 100_100),
    card(0x731b, 100_100),
    card(0x731e, 100_100),
    card(0x7360, 100_101),
    card(0x7340, 100_102),
    card(0x73bf, 100_300),
    card(0x73df, 100_301),
    card(0x73ff, 100_302),
    apu(0x164e, 100_306),
    card(0x744c, 110_000),
    apu(0x15bf, 110_003),
    apu(0x1586, 110_501),
    card(0x7590, 120_000),
    card(0x7550, 120_001),
];

/// What a kernel of some time prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// About 4.19: no domain, hive, queues or ISA; flags of links stay 0.
    Oldest,
    /// About 5.4: with domain, hive and queues.
    Old,
    /// About 6.1: with the ISA, links between cards, and filled flags.
    New,
    /// From 6.13 on: with the size of a saved context.
    Newest,
}

const AGES: [Age; 4] = [Age::Oldest, Age::Old, Age::New, Age::Newest];

#[derive(Clone, Debug)]
pub struct Gpu {
    pub generation: Generation,
    large_bar: bool,
    atomics: bool,
    megabytes: u64,
}

#[derive(Clone, Debug)]
pub struct Machine {
    pub age: Age,
    cpus: usize,
    pub gpus: Vec<Gpu>,
}

/// The files of a topology, by path, in order.
pub type Files = BTreeMap<String, String>;

fn gpu() -> impl Strategy<Value = Gpu> {
    let generation = prop_oneof![1 => Just(NAVI10), 3 => select(&OTHERS[..])];
    // Up to what a board of the judged device can hold.
    let parts = (generation, any::<bool>(), any::<bool>(), 256u64..=8192);
    parts.prop_map(|(generation, large_bar, atomics, megabytes)| Gpu {
        generation,
        large_bar,
        atomics,
        megabytes,
    })
}

pub fn machine() -> impl Strategy<Value = Machine> {
    let gpus = prop::collection::vec(gpu(), 0..5);
    (select(&AGES[..]), 1usize..3, gpus).prop_map(|(age, cpus, gpus)| Machine { age, cpus, gpus })
}

/// Lines `key value`.
fn lines(pairs: &[(&str, u64)]) -> String {
    let lines = pairs.iter().map(|(key, value)| format!("{key} {value}\n"));
    lines.collect()
}

impl Machine {
    /// The nodes of the GPUs that are judged.
    pub fn nodes_of_cards(&self) -> Vec<String> {
        let judged = |at: &usize| self.gpus[*at].generation.device == NAVI10.device;
        let cards = (0..self.gpus.len()).filter(judged);
        cards.map(|at| (self.cpus + at).to_string()).collect()
    }

    pub fn files(&self) -> Files {
        let mut files = Files::new();
        files.insert("generation_id".into(), "2\n".into());
        for cpu in 0..self.cpus {
            self.put_cpu(&mut files, cpu);
        }
        for at in 0..self.gpus.len() {
            self.put_gpu(&mut files, at);
        }
        files
    }

    fn put_cpu(&self, files: &mut Files, node: usize) {
        let mut properties = lines(&[
            ("cpu_cores_count", 16),
            ("simd_count", 0),
            ("mem_banks_count", 1),
            ("caches_count", 0),
            ("io_links_count", self.links_of_cpu(node).len() as u64),
        ]);
        if self.age >= Age::New {
            properties += &lines(&[("p2p_links_count", 0), ("gfx_target_version", 0)]);
        }
        properties += &lines(&[("vendor_id", 0), ("device_id", 0), ("location_id", 0)]);
        if self.age >= Age::Old {
            properties += &lines(&[("domain", 0), ("hive_id", 0), ("num_cp_queues", 0)]);
        }
        files.insert(format!("nodes/{node}/gpu_id"), "0\n".into());
        files.insert(format!("nodes/{node}/name"), "\n".into());
        files.insert(format!("nodes/{node}/properties"), properties);
        let bank = lines(&[("heap_type", 0), ("size_in_bytes", 32 << 30), ("flags", 0)]);
        files.insert(format!("nodes/{node}/mem_banks/0/properties"), bank);
        for (link, gpu) in self.links_of_cpu(node).into_iter().enumerate() {
            let to = self.cpus + gpu;
            self.put_link(files, node, link, to, self.link_flags(gpu, 3));
        }
    }

    /// The GPUs that a CPU node has a link to: those whose VRAM it can reach.
    fn links_of_cpu(&self, node: usize) -> Vec<usize> {
        let reached = |at: &usize| node == 0 && self.gpus[*at].large_bar;
        (0..self.gpus.len()).filter(reached).collect()
    }

    fn link_flags(&self, gpu: usize, enabled: u64) -> u64 {
        match (self.age, self.gpus[gpu].atomics) {
            (Age::Oldest | Age::Old, _) => 0,
            (_, true) => enabled,
            (_, false) => enabled | 12,
        }
    }

    fn put_link(&self, files: &mut Files, from: usize, link: usize, to: usize, flags: u64) {
        let xgmi = from >= self.cpus && to >= self.cpus;
        let text = lines(&[
            ("type", if xgmi { 11 } else { 2 }),
            ("version_major", 0),
            ("node_from", from as u64),
            ("node_to", to as u64),
            ("weight", 20),
            ("flags", flags),
        ]);
        files.insert(format!("nodes/{from}/io_links/{link}/properties"), text);
    }

    fn put_gpu(&self, files: &mut Files, at: usize) {
        let node = self.cpus + at;
        let gpu = &self.gpus[at];
        let generation = &gpu.generation;
        let hive = u64::from(generation.hive);
        let fellows: Vec<usize> = (0..self.gpus.len())
            .filter(|other| *other != at && generation.hive && self.gpus[*other].generation.hive)
            .collect();
        let mut properties = lines(&[
            ("cpu_cores_count", if generation.apu { 8 } else { 0 }),
            ("simd_count", 144),
            ("mem_banks_count", 1),
            ("caches_count", 0),
            ("io_links_count", 1 + fellows.len() as u64),
        ]);
        if self.age >= Age::New {
            let isa = ("gfx_target_version", generation.gfx.into());
            properties += &lines(&[("p2p_links_count", 0), isa]);
        }
        properties += &lines(&[
            ("vendor_id", 0x1002),
            ("device_id", generation.device.into()),
            ("location_id", (at as u64 + 3) << 8),
            ("drm_render_minor", 128 + at as u64),
        ]);
        if self.age >= Age::Old {
            properties += &lines(&[
                ("domain", 0),
                ("hive_id", hive * 0x1234_5678),
                ("num_sdma_engines", 2),
                ("num_sdma_xgmi_engines", hive * 4),
                ("num_cp_queues", 24),
            ]);
        }
        if self.age == Age::Newest {
            properties += &lines(&[("cwsr_size", 1 << 20)]);
        }
        properties += &lines(&[
            (
                "local_mem_size",
                if self.age < Age::New {
                    gpu.megabytes << 20
                } else {
                    0
                },
            ),
            ("fw_version", 156),
            ("capability", generation.capability.into()),
        ]);
        files.insert(format!("nodes/{node}/gpu_id"), format!("{}\n", 4097 + at));
        files.insert(format!("nodes/{node}/name"), "gpu\n".into());
        files.insert(format!("nodes/{node}/properties"), properties);
        let bank = lines(&[
            ("heap_type", if gpu.large_bar { 1 } else { 2 }),
            ("size_in_bytes", gpu.megabytes << 20),
            ("flags", 0),
            ("width", 256),
            ("mem_clk_max", 875),
        ]);
        files.insert(format!("nodes/{node}/mem_banks/0/properties"), bank);
        self.put_link(files, node, 0, 0, self.link_flags(at, 1));
        for (link, fellow) in fellows.into_iter().enumerate() {
            let to = self.cpus + fellow;
            self.put_link(files, node, link + 1, to, self.link_flags(at, 1));
        }
    }
}

/// Writes the files into a folder.
pub fn write(files: &Files, folder: &Path) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
