// SPDX-License-Identifier: GPL-2.0

//! The topology of a machine, as its kernel prints it.
//!
//! The lines are those of `node_show()`, `mem_show()` and `iolink_show()` in `kfd_topology.c`.
//! Sizes, counts and clocks are guesses.

use std::{
    collections::BTreeMap,
    fs,
    path::Path, //
};

use super::{
    links::{
        Link,
        DIRECT,
        PEER_TO_PEER, //
    },
    machine::{
        Age,
        Gpu,
        Machine, //
    },
};

/// The files of a topology, by path, in order.
pub type Files = BTreeMap<String, String>;

/// Lines `key value`.
fn lines(pairs: &[(&str, u64)]) -> String {
    let lines = pairs.iter().map(|(key, value)| format!("{key} {value}\n"));
    lines.collect()
}

impl Machine {
    pub fn files(&self) -> Files {
        let mut files = Files::new();
        files.insert("generation_id".into(), "2\n".into());
        let links = self.links();
        for node in 0..self.sockets + self.gpus.len() {
            if !self.is_copied(node) {
                continue;
            }
            for folder in [DIRECT, PEER_TO_PEER] {
                let own = |link: &&Link| link.from == node && link.folder == folder;
                for (number, link) in links.iter().filter(own).enumerate() {
                    let path = format!("nodes/{node}/{folder}/{number}/properties");
                    files.insert(path, link.lines());
                }
            }
            let mut put = |file: &str, text: String| {
                files.insert(format!("nodes/{node}/{file}"), text);
            };
            let gpu = self.gpu_of(node);
            let gpu_id = gpu.map_or(0, |_| 4096 + node);
            put("gpu_id", format!("{gpu_id}\n"));
            put("name", gpu.map_or("\n", |_| "gpu\n").into());
            put("properties", self.properties(node, &links));
            put("mem_banks/0/properties", bank(gpu));
        }
        files
    }

    fn properties(&self, node: usize, links: &[Link]) -> String {
        let count = |folder: &str| {
            let own = |link: &&Link| link.from == node && link.folder == folder;
            links.iter().filter(own).count() as u64
        };
        let gpu = self.gpu_of(node);
        let of_gpu = |value: u64| gpu.map_or(0, |_| value);
        let generation = gpu.map(|gpu| &gpu.generation);
        let has_cores =
            generation.is_none_or(|generation| generation.in_cpu_node && self.age <= Age::New);
        let mut text = lines(&[
            ("cpu_cores_count", if has_cores { 16 } else { 0 }),
            ("simd_count", of_gpu(144)),
            ("mem_banks_count", 1),
            ("caches_count", 0),
            ("io_links_count", count(DIRECT)),
        ]);
        if self.age >= Age::New {
            let gfx = generation.map_or(0, |generation| generation.gfx);
            text += &lines(&[
                ("p2p_links_count", count(PEER_TO_PEER)),
                ("gfx_target_version", gfx.into()),
            ]);
        }
        let device = generation.map_or(0, |generation| generation.device);
        text += &lines(&[
            ("vendor_id", of_gpu(0x1002)),
            ("device_id", device.into()),
            ("location_id", gpu.map_or(0, |gpu| gpu.place.location())),
        ]);
        if self.age >= Age::Old {
            let engines = generation.map_or(0, |generation| u64::from(generation.hive) * 4);
            text += &lines(&[
                ("domain", gpu.map_or(0, |gpu| gpu.place.domain.into())),
                ("drm_render_minor", of_gpu(128 + node as u64)),
                ("hive_id", self.hive_of(node)),
                ("num_sdma_engines", of_gpu(2)),
                ("num_sdma_xgmi_engines", engines),
                ("num_cp_queues", of_gpu(24)),
            ]);
        }
        if self.age == Age::Newest {
            text += &lines(&[("cwsr_size", of_gpu(1 << 20))]);
        }
        if let Some(gpu) = gpu {
            // Later kernels count it in the bank alone.
            let local = if self.age < Age::New {
                gpu.vram_bytes
            } else {
                0
            };
            text += &lines(&[
                ("local_mem_size", local),
                ("fw_version", 156),
                ("capability", gpu.generation.capability.into()),
            ]);
        }
        text
    }

    /// The hive of a GPU; a CPU is in that of the GPUs in its package.
    fn hive_of(&self, node: usize) -> u64 {
        let hive = |gpu: &Gpu| u64::from(gpu.generation.hive) * u64::from(gpu.generation.device);
        if let Some(gpu) = self.gpu_of(node) {
            return hive(gpu);
        }
        let mut own = self.gpus.iter().filter(|gpu| gpu.socket == node);
        own.find(|gpu| gpu.generation.xgmi_to_cpu).map_or(0, hive)
    }
}

/// The one bank of a node.
fn bank(gpu: Option<&Gpu>) -> String {
    let (heap, bytes) = match gpu {
        None => (0, 32 << 30),
        Some(gpu) => (if gpu.large_bar { 1 } else { 2 }, gpu.vram_bytes),
    };
    lines(&[
        ("heap_type", heap),
        ("size_in_bytes", bytes),
        ("flags", 0),
        ("width", 256),
        ("mem_clk_max", 875),
    ])
}

impl Link {
    fn lines(&self) -> String {
        lines(&[
            ("type", self.kind),
            ("version_major", 0),
            ("node_from", self.from as u64),
            ("node_to", self.to as u64),
            ("weight", 20),
            ("flags", self.flags),
        ])
    }
}

/// Writes the files into a folder.
pub fn write(files: &Files, folder: &Path) {
    // It is there even if a copy has lost all nodes.
    fs::create_dir_all(folder.join("nodes")).unwrap();
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
