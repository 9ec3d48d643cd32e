// SPDX-License-Identifier: GPL-2.0

//! How much memory the kernel itself holds.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};

use crate::kmemleak;

/// What the kernel holds, in bytes.
#[derive(Debug)]
pub struct Memory {
    /// Objects in use, by slab cache.
    slab: BTreeMap<String, u64>,
    /// Virtually mapped areas: module text and data, large allocations.
    vmalloc: u64,
    /// Whether kmemleak tells what is lost, at the end of the suite, rather than `slab`: its kernel
    /// has KASAN, which keeps what is freed for a time, and to slab that is in use.
    by_kmemleak: bool,
}

/// Where the kernel has a folder for each slab cache.
const SLABS: &str = "/sys/kernel/slab";
/// How often the least is looked for.
const TIMES: usize = 6;
/// Bytes a round that are taken for a leak: the smallest object there is.
const LEAK_A_ROUND: u64 = 8;
/// What comes and goes in the kernel by itself.
const SLAB_NOISE: u64 = 512 << 10;
const VMALLOC_NOISE: u64 = 256 << 10;
/// What was freed is given back by and by: after a grace period of RCU, by a worker.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(60);

impl Memory {
    /// Now, after all that could be freed was.
    pub fn now() -> Result<Self> {
        drop_caches()?;
        let slab = read("/proc/slabinfo")?;
        Ok(Self {
            slab: self::slab(&slab).context("/proc/slabinfo: not as expected")?,
            vmalloc: meminfo("VmallocUsed")? << 10,
            by_kmemleak: kmemleak::exists(),
        })
    }

    /// The least of several times, so that what is only kept at hand is gone: entries of folders and
    /// files go when they are asked to a second time, and slab caches hold back what was freed.
    pub fn least() -> Result<Self> {
        let mut least = Self::now()?;
        for _ in 0..TIMES {
            for entry in fs::read_dir(SLABS).with_context(|| format!("list {SLABS}"))? {
                let shrink = entry.context("list the slab caches")?.path().join("shrink");
                fs::write(&shrink, "1")
                    .with_context(|| format!("write to {}", shrink.display()))?;
            }
            // What waits for a grace period of RCU, or for a worker, goes meanwhile.
            thread::sleep(Duration::from_millis(50));
            let now = Self::now()?;
            if now.objects() < least.objects() {
                least = now;
            }
        }
        Ok(least)
    }

    /// Waits until nothing is left of so many rounds since, but for what comes and goes by itself.
    /// Gives the two, for people. The judge knows a leak by how the message begins.
    pub fn expect_level(&self, rounds: u64) -> Result<String> {
        let deadline = Instant::now() + GIVEN_BACK_WITHIN;
        loop {
            let later = Self::now()?;
            let level = self.is_level(&later, rounds);
            let compared = self.compared_to(&later);
            if level {
                return Ok(compared);
            }
            ensure!(
                Instant::now() < deadline,
                "leak: more is held than {rounds} rounds before: {compared}; {}",
                self.grown(&later)
            );
            thread::yield_now();
        }
    }

    fn is_level(&self, later: &Self, rounds: u64) -> bool {
        let lost = rounds * LEAK_A_ROUND;
        let level = |before, after, noise: u64| after < before + noise.max(lost);
        (self.by_kmemleak || level(self.objects(), later.objects(), SLAB_NOISE))
            && level(self.vmalloc, later.vmalloc, VMALLOC_NOISE)
    }

    /// The bytes of all slab objects.
    pub fn objects(&self) -> u64 {
        self.slab.values().sum()
    }

    fn compared_to(&self, later: &Self) -> String {
        let slab = match self.by_kmemleak {
            true => {
                " (not judged: KASAN keeps what is freed; kmemleak judges, after the last case)"
            }
            false => "",
        };
        format!(
            "slab {} then {} KiB{slab}, vmalloc {} then {} KiB",
            self.objects() >> 10,
            later.objects() >> 10,
            self.vmalloc >> 10,
            later.vmalloc >> 10
        )
    }

    /// The caches that grew most.
    pub fn grown(&self, later: &Self) -> String {
        let mut grown: Vec<_> = later
            .slab
            .iter()
            .map(|(name, &after)| {
                (
                    after.saturating_sub(*self.slab.get(name).unwrap_or(&0)),
                    name,
                )
            })
            .collect();
        grown.sort_unstable_by(|a, b| b.cmp(a));
        let words = grown.iter().take(5);
        let words = words.map(|(bytes, name)| format!("{name} by {bytes} bytes"));
        format!("most: {}", words.collect::<Vec<_>>().join(", "))
    }
}

/// Rounds between which memory has to be level, after so many others that warm caches up.
pub fn level_over(warm: u64, rounds: u64, mut round: impl FnMut() -> Result<()>) -> Result<String> {
    let all = warm + rounds;
    let mut run = |range: Range<u64>| -> Result<()> {
        for number in range {
            round().with_context(|| format!("round {} of {all}", number + 1))?;
        }
        Ok(())
    };
    run(0..warm)?;
    let before = Memory::now()?;
    run(warm..all)?;
    before.expect_level(rounds)
}

/// Makes the kernel give back what it only keeps in case it is wanted again.
pub fn drop_caches() -> Result<()> {
    fs::write("/proc/sys/vm/drop_caches", "3").context("drop caches")
}

/// A number of /proc/meminfo, in KiB.
pub fn meminfo(name: &str) -> Result<u64> {
    let text = read("/proc/meminfo")?;
    meminfo_of(&text, name).with_context(|| format!("/proc/meminfo: no {name} in kB"))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {path}"))
}

/// Lines `name active_objs num_objs objsize …` after two of heading.
fn slab(text: &str) -> Option<BTreeMap<String, u64>> {
    let bytes = |line: &str| -> Option<(String, u64)> {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let active: u64 = words.next()?.parse().ok()?;
        let size: u64 = words.nth(1)?.parse().ok()?;
        Some((name, active.checked_mul(size)?))
    };
    text.lines().skip(2).map(bytes).collect()
}

fn meminfo_of(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabinfo() {
        let text = "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize>\n\
                    a 3 10 100 40 1 : tunables 0 0 0\nb 2 2 8 512 1\n";
        let expected = [("a".to_owned(), 300), ("b".to_owned(), 16)];
        assert_eq!(slab(text), Some(BTreeMap::from(expected)));
        assert_eq!(slab("one\ntwo\na b c d\n"), None);
    }

    #[test]
    fn meminfo() {
        let text = "MemFreed: 7 kB\nMemFree: 1 kB\nVmallocUsed:    12 kB\nPages: 3\n";
        assert_eq!(meminfo_of(text, "VmallocUsed"), Some(12));
        assert_eq!(meminfo_of(text, "MemFree"), Some(1));
        for absent in ["VmallocTotal", "Pages", "MemF"] {
            assert_eq!(meminfo_of(text, absent), None);
        }
    }

    fn at(slab: u64, vmalloc: u64, by_kmemleak: bool) -> Memory {
        Memory {
            slab: BTreeMap::from([("a".to_owned(), 10 << 20), ("b".to_owned(), slab)]),
            vmalloc,
            by_kmemleak,
        }
    }

    #[test]
    fn a_leak_is_told_from_noise() {
        let before = at(0, 1 << 20, false);
        assert!(before.is_level(&at(1000, 1 << 20, false), 10_000));
        // 64 bytes a round.
        let leaked = at(640_000, 1 << 20, false);
        assert!(!before.is_level(&leaked, 10_000));
        assert!(before.grown(&leaked).contains("most: b by 640000 bytes"));
        assert!(!before.is_level(&at(0, 2 << 20, false), 10_000));
    }

    #[test]
    fn with_kmemleak_slab_says_nothing() {
        let before = at(0, 1 << 20, true);
        assert!(before.is_level(&at(90 << 20, 1 << 20, true), 100));
        assert!(!before.is_level(&at(0, 2 << 20, true), 100));
        let compared = before.compared_to(&at(90 << 20, 1 << 20, true));
        assert!(compared.contains("not judged"));
    }
}
