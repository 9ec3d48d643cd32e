// SPDX-License-Identifier: GPL-2.0

//! The text of sysfs files: `node_show()`, `mem_show()` and `iolink_show()` in `kfd_topology.c`.
//!
//! Sizes, counts and clocks are guesses.

use std::fmt::Write as _;

use rdna1_kfd_guard::facts::topology::{
    File,
    Folder,
    LinkFolder,
    ReadError, //
};

use super::super::host::Age;

use super::{
    fill::{
        CAPABILITY,
        DEVICE,
        DOMAIN,
        ENGINES,
        FILLED,
        GFX,
        IDENTIFIED,
        LOCATION,
        MINOR,
        QUEUES,
        VENDOR, //
    },
    Bank,
    Kfd,
    Link,
    Node, //
};

/// Lines `key value`.
struct Lines<'t> {
    text: &'t mut String,
    told: &'t [(&'static str, u64)],
}

impl Lines<'_> {
    fn put(&mut self, key: &str, value: u64) {
        let told = self.told.iter().find(|(told, _)| *told == key);
        let value = told.map_or(value, |(_, told)| *told);
        self.text.push_str(key);
        writeln!(self.text, " {value}").expect("a string takes all text");
    }
}

impl Kfd {
    /// Reads a file as sysfs shows it at this moment.
    pub fn read(&self, file: File, text: &mut String) -> Result<(), ReadError> {
        match file {
            File::GenerationId => {
                text.push_str(&format!("{}\n", self.generation));
                Ok(())
            }
            File::GpuId(number) => {
                let node = self.readable(number)?;
                visible(node.shown.gpu_id)?;
                let id = match node.filled >= IDENTIFIED {
                    true => 4096 + node.life.as_ref().map_or(0, |life| life.id),
                    false => 0,
                };
                text.push_str(&format!("{id}\n"));
                Ok(())
            }
            File::Node(number) => {
                let node = self.readable(number)?;
                visible(node.shown.properties)?;
                self.print_node(node, text);
                Ok(())
            }
            File::Bank(number, bank) => {
                let banks = &self.readable(number)?.banks;
                let bank = banks.iter().find(|own| own.shown == Some(bank));
                bank.ok_or(ReadError::Absent)?.print(text);
                Ok(())
            }
            File::Link(folder, link) => {
                let mut links = self.links(folder)?.iter();
                let link = links.find(|own| own.shown == Some(link));
                let link = link.ok_or(ReadError::Absent)?;
                if link.is_denied {
                    return Err(ReadError::Denied);
                }
                link.print(text);
                Ok(())
            }
        }
    }

    /// The entries of a folder.
    pub fn list(&self, folder: Folder) -> Result<Vec<u32>, ReadError> {
        match folder {
            Folder::Nodes => Ok(self
                .nodes
                .iter()
                .filter_map(|node| node.shown.number)
                .collect()),
            Folder::Banks(number) => {
                let node = self.shown(number)?;
                visible(node.shown.banks)?;
                Ok(node.banks.iter().filter_map(|bank| bank.shown).collect())
            }
            Folder::Links(folder) => {
                let links = self.links(folder)?;
                Ok(links.iter().filter_map(|link| link.shown).collect())
            }
        }
    }

    fn shown(&self, number: u32) -> Result<&Node, ReadError> {
        let mut nodes = self.nodes.iter();
        let node = nodes.find(|node| node.shown.number == Some(number));
        node.ok_or(ReadError::Absent)
    }

    /// A node, if the reader may access its GPU.
    fn readable(&self, number: u32) -> Result<&Node, ReadError> {
        let node = self.shown(number)?;
        match node.life.as_ref().is_some_and(|life| life.is_denied) {
            true => Err(ReadError::Denied),
            false => Ok(node),
        }
    }

    fn links(&self, folder: LinkFolder) -> Result<&[Link], ReadError> {
        let (number, is_direct) = match folder {
            LinkFolder::Io(number) => (number, true),
            LinkFolder::PeerToPeer(number) => (number, false),
        };
        let node = self.shown(number)?;
        let (links, is_shown) = match is_direct {
            true => (&node.direct, node.shown.direct),
            false => (&node.indirect, node.shown.indirect),
        };
        visible(is_shown)?;
        Ok(links)
    }

    fn print_node(&self, node: &Node, text: &mut String) {
        let age = self.host.age;
        let told = &node.told[..];
        let mut lines = Lines { text, told };
        let life = node.life.as_deref();
        // 0 for a CPU, and until KFD has set the property.
        let of_gpu = |from: u8, value: u64| match life.is_some() && node.filled >= from {
            true => value,
            false => 0,
        };
        let kept = |links: &[Link]| links.iter().filter(|link| !link.is_orphan).count() as u64;
        let generation = life.map(|life| &life.gpu.generation);
        lines.put("cpu_cores_count", node.cores);
        lines.put("simd_count", of_gpu(0, 144));
        lines.put("mem_banks_count", node.banks.len() as u64);
        lines.put("caches_count", of_gpu(0, 85));
        lines.put("io_links_count", kept(&node.direct));
        if age >= Age::New {
            let gfx = generation.map_or(0, |generation| generation.gfx.into());
            lines.put("p2p_links_count", kept(&node.indirect));
            lines.put("gfx_target_version", of_gpu(GFX, gfx));
        }
        let device = generation.map_or(0, |generation| generation.device.into());
        let location = life.map_or(0, |life| life.place.location());
        lines.put("vendor_id", of_gpu(VENDOR, 0x1002));
        lines.put("device_id", of_gpu(DEVICE, device));
        lines.put("location_id", of_gpu(LOCATION, location));
        let minor = life.map_or(0, |life| life.minor.into());
        lines.put("drm_render_minor", of_gpu(MINOR, minor));
        if age >= Age::Old {
            let domain = life.map_or(0, |life| life.place.domain.into());
            let engines = generation.map_or(0, |generation| u64::from(generation.hive) * 4);
            lines.put("domain", of_gpu(DOMAIN, domain));
            lines.put("hive_id", node.hive);
            lines.put("num_sdma_engines", of_gpu(ENGINES, 2));
            lines.put("num_sdma_xgmi_engines", of_gpu(ENGINES, engines));
            lines.put("num_cp_queues", of_gpu(QUEUES, 24));
        }
        if age == Age::Newest {
            lines.put("cwsr_size", of_gpu(FILLED, 1 << 20));
        }
        if let Some(life) = life {
            // Later kernels report the size only in the bank.
            let is_counted = age < Age::New;
            lines.put(
                "local_mem_size",
                u64::from(is_counted) * life.gpu.vram_bytes,
            );
            lines.put("fw_version", 156);
            let capability = life.gpu.generation.capability.into();
            lines.put("capability", of_gpu(CAPABILITY, capability));
        }
        lines.put("max_engine_clk_ccompute", 3800);
    }
}

impl Bank {
    fn print(&self, text: &mut String) {
        let mut lines = Lines { text, told: &[] };
        lines.put("heap_type", self.heap);
        lines.put("size_in_bytes", self.bytes);
        lines.put("flags", self.flags);
        lines.put("width", 256);
        lines.put("mem_clk_max", 875);
    }
}

impl Link {
    fn print(&self, text: &mut String) {
        let mut lines = Lines { text, told: &[] };
        lines.put("type", self.kind);
        lines.put("version_major", 0);
        lines.put("node_from", self.from as u64);
        lines.put("node_to", self.to as u64);
        lines.put("weight", 20);
        lines.put("flags", self.flags);
    }
}

fn visible(is_visible: bool) -> Result<(), ReadError> {
    match is_visible {
        true => Ok(()),
        false => Err(ReadError::Absent),
    }
}
