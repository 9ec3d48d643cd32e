// SPDX-License-Identifier: GPL-2.0

//! How much memory the kernel itself holds.

use std::fs;

use anyhow::{ensure, Context, Result};

/// What the kernel holds, in bytes.
#[derive(Debug)]
pub struct Memory {
    /// Objects in use, of all slab caches together.
    slab: u64,
    /// Virtually mapped areas: module text and data, large allocations.
    vmalloc: u64,
}

/// Bytes a round that are taken for a leak: the smallest object there is.
const LEAK_A_ROUND: u64 = 8;
/// What comes and goes in the kernel by itself.
const SLAB_NOISE: u64 = 512 << 10;
const VMALLOC_NOISE: u64 = 256 << 10;

impl Memory {
    /// Now, after all that could be freed was.
    pub fn now() -> Result<Self> {
        fs::write("/proc/sys/vm/drop_caches", "3").context("drop caches")?;
        Ok(Self {
            slab: slab(&text("/proc/slabinfo")?).context("/proc/slabinfo: not as expected")?,
            vmalloc: vmalloc(&text("/proc/meminfo")?)
                .context("/proc/meminfo: no VmallocUsed in kB")?,
        })
    }

    /// The two, for people.
    pub fn compared_to(&self, later: &Self) -> String {
        format!(
            "slab {} then {} KiB, vmalloc {} then {} KiB",
            self.slab >> 10,
            later.slab >> 10,
            self.vmalloc >> 10,
            later.vmalloc >> 10
        )
    }

    /// Demands that nothing was lost in each of so many rounds since.
    pub fn expect_level(&self, later: &Self, rounds: u64) -> Result<()> {
        let lost = rounds * LEAK_A_ROUND;
        for (what, before, after, noise) in [
            ("slab", self.slab, later.slab, SLAB_NOISE),
            ("vmalloc", self.vmalloc, later.vmalloc, VMALLOC_NOISE),
        ] {
            ensure!(
                after < before + noise.max(lost),
                "{what} rose from {before} to {after} bytes in {rounds} rounds"
            );
        }
        Ok(())
    }
}

fn text(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {path}"))
}

/// Lines `name active_objs num_objs objsize …` after two of heading.
fn slab(text: &str) -> Option<u64> {
    let bytes = |line: &str| -> Option<u64> {
        let mut words = line.split_whitespace().skip(1);
        let active: u64 = words.next()?.parse().ok()?;
        let size: u64 = words.nth(1)?.parse().ok()?;
        active.checked_mul(size)
    };
    text.lines().skip(2).map(bytes).sum()
}

fn vmalloc(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmallocUsed:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabinfo() {
        let text = "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize>\n\
                    a 3 10 100 40 1 : tunables 0 0 0\nb 2 2 8 512 1\n";
        assert_eq!(slab(text), Some(316));
        assert_eq!(slab("one\ntwo\na b c d\n"), None);
    }

    #[test]
    fn meminfo() {
        assert_eq!(
            vmalloc("MemFree: 1 kB\nVmallocUsed:    12 kB\n"),
            Some(12 << 10)
        );
        assert_eq!(vmalloc("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn a_leak_is_told_from_noise() {
        let at = |slab, vmalloc| Memory { slab, vmalloc };
        let before = at(10 << 20, 1 << 20);
        assert!(before
            .expect_level(&at((10 << 20) + 1000, 1 << 20), 10_000)
            .is_ok());
        // 64 bytes a round.
        assert!(before
            .expect_level(&at((10 << 20) + 640_000, 1 << 20), 10_000)
            .is_err());
        assert!(before.expect_level(&at(10 << 20, 2 << 20), 10_000).is_err());
    }
}
