// SPDX-License-Identifier: GPL-2.0

//! Measures a load and an unload, beside the kernel's own sample of debugfs in Rust, which is built
//! in the same way.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use modproof_guest::count::{value_line, Counter, Counts};
use modproof_guest::memory::Memory;
use modproof_guest::modules;
use modproof_guest::mounts::DEBUGFS;
use modproof_guest::Ctx;

use super::programs::need;
use crate::guard;

/// `samples/rust/rust_debugfs_scoped.rs` of the kernel tree.
const SAMPLE: &str = "rust_debugfs_scoped";
/// A file of the sample in debugfs.
const OF_SAMPLE: &str = "rust_scoped_debugfs/control/create";
const TIMES: usize = 11;

/// Measures loads and unloads of the module; `name` labels the figures.
pub fn ours(ctx: &mut Ctx, counter: &Counter, name: &str) -> Result<()> {
    count(ctx, counter, name, guard::NAME, || {
        let heaps = guard::path("heaps");
        File::open(&heaps).with_context(|| format!("open {}", heaps.display()))
    })
}

/// Measures loads and unloads of the kernel's sample.
pub fn sample(ctx: &mut Ctx, counter: &Counter) -> Result<()> {
    need(ctx.modules.own_path(SAMPLE))?;
    let file: PathBuf = Path::new(DEBUGFS).join(OF_SAMPLE);
    count(ctx, counter, "sample", SAMPLE, || {
        let opened = OpenOptions::new().write(true).open(&file);
        opened.with_context(|| format!("open {}", file.display()))
    })
}

/// Measures from insmod until a file can be opened, and the unload.
fn count(
    ctx: &mut Ctx,
    counter: &Counter,
    name: &str,
    module: &str,
    open: impl Fn() -> Result<File>,
) -> Result<()> {
    let before = Memory::least()?;
    ctx.modules.load_own(module, "")?;
    open()?;
    let held = Memory::least()?;
    let slab = held.objects().saturating_sub(before.objects());
    ctx.note(value_line(&format!("slab.{name}"), "bytes", slab));
    ctx.note(before.grown(&held));
    modules::remove(module)?;
    let (mut loads, mut unloads) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        loads.push(counter.of_this_thread(|| {
            ctx.modules.load_own(module, "")?;
            open().map(drop)
        })?);
        unloads.push(counter.of_this_thread(|| modules::remove(module))?);
    }
    ctx.note(Counts::new(loads)?.line(&format!("load.{name}")));
    ctx.note(Counts::new(unloads)?.line(&format!("unload.{name}")));
    Ok(())
}
