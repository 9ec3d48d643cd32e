// SPDX-License-Identifier: GPL-2.0

//! The module must not leak memory, mounts or debugfs entries.
//!
//! A failure begins with `leak: `, by which the host's judge recognises it. These cases see only
//! large or frequent leaks; a kernel with kmemleak finds the others.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use modproof_guest::memory::{drop_caches, meminfo};
use modproof_guest::mounts::DEBUGFS;
use modproof_guest::Ctx;

use crate::guard;

/// Enough to tell a leak of one page for each read from the growth of caches.
const READS: usize = 500;
/// In KiB. A leak of one page in each of 500 reads of four files would be 8 MiB.
const MEMORY_MARGIN: u64 = 3 << 10;
/// Enough to tell a leak from the slab allocator's own reserves.
const LOADS: usize = 150;
/// The number of mounts that may appear for other reasons.
const MOUNT_MARGIN: u64 = 100;

/// Free memory stays level over many reads.
pub fn reads_leak_nothing(ctx: &mut Ctx) -> Result<()> {
    guard::load(&ctx.modules)?;
    // The first reads fill caches.
    read_often(READS)?;
    let before = free_memory()?;
    read_often(READS)?;
    let after = free_memory()?;
    ensure!(
        before.saturating_sub(after) < MEMORY_MARGIN,
        "leak: {READS} reads of each file: free memory fell from {before} to {after} KiB"
    );
    guard::unload()
}

fn read_often(times: usize) -> Result<()> {
    for _ in 0..times {
        for file in guard::RECORD_FILES {
            guard::text(file)?;
        }
    }
    Ok(())
}

/// After the unload, neither debugfs entries nor mounts of sysfs are left.
pub fn loads_leave_nothing(ctx: &mut Ctx) -> Result<()> {
    guard::load(&ctx.modules)?;
    guard::unload()?;
    let (entries, mounts) = (debugfs_entries()?, mounts()?);
    for _ in 0..LOADS {
        guard::load(&ctx.modules)?;
        guard::unload()?;
    }
    let entries_now = debugfs_entries()?;
    let left: Vec<_> = entries_now.difference(&entries).collect();
    ensure!(
        left.is_empty(),
        "leak: {DEBUGFS}: {left:?} stays after the unload"
    );
    let mounts_now = self::mounts()?;
    ensure!(
        mounts_now < mounts + MOUNT_MARGIN,
        "leak: {LOADS} loads and unloads: the kernel's mounts rose from {mounts} to {mounts_now}"
    );
    Ok(())
}

fn debugfs_entries() -> Result<BTreeSet<String>> {
    fs::read_dir(DEBUGFS)
        .with_context(|| format!("read {DEBUGFS}"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// Free memory in KiB, after the kernel dropped its caches.
pub(super) fn free_memory() -> Result<u64> {
    drop_caches()?;
    meminfo("MemFree")
}

/// The number of mounts in the kernel, in any namespace or in none.
fn mounts() -> Result<u64> {
    // KASAN keeps freed objects for a while; shrinking the cache releases them.
    let shrink = Path::new("/sys/kernel/slab/mnt_cache/shrink");
    if shrink.exists() {
        fs::write(shrink, "1").with_context(|| format!("write {}", shrink.display()))?;
    }
    let text = fs::read_to_string("/proc/slabinfo").context("read /proc/slabinfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("mnt_cache "));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.context("no mnt_cache in /proc/slabinfo")
}
