// SPDX-License-Identifier: GPL-2.0

//! Measures reads of the module's files, beside their least possible cost (the floor) and beside a
//! program that reads KFD's own files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use modproof_guest::count::{value_line, Counter, Counts};
use modproof_guest::files::{length, Files, KeptOpen};
use modproof_guest::modules;
use modproof_guest::mounts::DEBUGFS;
use modproof_guest::Ctx;

use crate::guard;
use crate::kfd::{self, TOPOLOGY};

/// The module that serves constant text.
const FLOOR: &str = "floor";
/// The cards' device_id.
const NAVI10: u64 = 0x731f;
const TIMES: usize = 101;
/// The number of reads before them, which fill the kernel's caches.
const WARM_UP: usize = 5;

/// Measures a read of each of the module's files beside its floor: constant text of the same
/// length, plus KFD's own formatting of the files that hold the facts.
pub fn steady(ctx: &mut Ctx, counter: &Counter) -> Result<()> {
    let facts = behind_heaps()?;
    let names: Vec<_> = facts.iter().map(|path| below_topology(path)).collect();
    ctx.note(format!(
        "the files that hold the facts: {}",
        names.join(" ")
    ));
    let formatting = formatting(counter, &facts)?;
    ctx.note(formatting.line("floor.formatting"));
    for file in guard::FILES {
        let path = guard::path(file);
        // `counters` shows no facts of KFD.
        let facts = if file == "counters" { &[][..] } else { &facts };
        let read = opened(counter, &path)?;
        let floor = floor(ctx, counter, &path, facts)?;
        ctx.note(read.line(&format!("read.{file}.steady")));
        ctx.note(floor.line(&format!("floor.{file}")));
    }
    let program = by_program(counter, &facts)?;
    ctx.note(program.line("program.files"));
    Ok(())
}

/// Measures a program that opens, reads and closes these files.
pub fn by_program(counter: &Counter, facts: &[PathBuf]) -> Result<Counts> {
    let mut files = Files::new(facts)?;
    settled(counter, || files.read())
}

/// Measures one file: open, read and close.
pub fn opened(counter: &Counter, path: &Path) -> Result<Counts> {
    let mut files = Files::new(&[path.to_owned()])?;
    settled(counter, || files.read()).with_context(|| format!("read {}", path.display()))
}

/// Measures the floor of a file: constant text of its length, plus KFD's own formatting of `facts`.
pub fn floor(ctx: &Ctx, counter: &Counter, path: &Path, facts: &[PathBuf]) -> Result<Counts> {
    let bytes = length(path)?;
    ctx.modules.load_own(FLOOR, &format!("bytes={bytes}"))?;
    let text = Path::new(DEBUGFS).join(FLOOR).join("text");
    ensure!(
        length(&text)? == bytes,
        "the constant text has another length"
    );
    let mut constant = Files::new(&[text])?;
    let mut facts = KeptOpen::new(facts)?;
    let counts = settled(counter, || Ok(constant.read()? + facts.read()?));
    modules::remove(FLOOR)?;
    counts
}

/// Measures the parts of a walk over these files: open, read and close each; read it again while it
/// is open; list KFD's nodes.
pub fn parts(ctx: &mut Ctx, counter: &Counter, facts: &[PathBuf]) -> Result<()> {
    for path in facts {
        let one = std::slice::from_ref(path);
        let name = below_topology(path);
        let opened = by_program(counter, one)?;
        ctx.note(opened.line(&format!("part.{name}.opened")));
        let kept = formatting(counter, one)?;
        ctx.note(kept.line(&format!("part.{name}.kept")));
    }
    let nodes = Path::new(TOPOLOGY).join("nodes");
    let listed = settled(counter, || Ok(fs::read_dir(&nodes)?.count()))?;
    ctx.note(listed.line("program.nodes"));
    Ok(())
}

/// Measures the first read of each file after a load.
pub fn first(ctx: &mut Ctx, counter: &Counter) -> Result<()> {
    for file in guard::FILES {
        let mut counts = Vec::new();
        for _ in 0..5 {
            guard::load(&ctx.modules)?;
            let mut files = Files::new(&[guard::path(file)])?;
            let read = counter.count(1, || files.read().map(drop))?;
            counts.push(read.median());
            guard::unload()?;
        }
        ctx.note(Counts::new(counts)?.line(&format!("read.{file}.first")));
    }
    Ok(())
}

fn formatting(counter: &Counter, facts: &[PathBuf]) -> Result<Counts> {
    let mut files = KeptOpen::new(facts)?;
    settled(counter, || files.read())
}

/// Measures after some reads that fill the caches.
fn settled(counter: &Counter, mut read: impl FnMut() -> Result<usize>) -> Result<Counts> {
    for _ in 0..WARM_UP {
        ensure!(read()? > 0, "nothing was read");
    }
    counter.count(TIMES, || read().map(drop))
}

/// KFD's files behind `heaps` and its verdicts: all nodes, because any node may be a card's; the
/// cards' banks; the links.
pub fn behind_heaps() -> Result<Vec<PathBuf>> {
    let mut files = vec![Path::new(TOPOLOGY).join("generation_id")];
    for node in folders(&Path::new(TOPOLOGY).join("nodes"))? {
        let properties = node.join("properties");
        let of_cpu = kfd::property(&properties, "cpu_cores_count")? > 0;
        let of_card = kfd::property(&properties, "device_id")? == NAVI10;
        files.push(properties);
        for (name, is_read) in [("mem_banks", of_card), ("io_links", of_card || of_cpu)] {
            if is_read {
                let entries = folders(&node.join(name))?;
                files.extend(entries.iter().map(|entry| entry.join("properties")));
            }
        }
    }
    Ok(files)
}

fn folders(of: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(of).with_context(|| format!("list {}", of.display()))?;
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.context("list KFD's folders")?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn below_topology(path: &Path) -> String {
    let below = path.strip_prefix(TOPOLOGY).unwrap_or(path);
    below.display().to_string()
}

/// The overhead of the instruction counter, which is already subtracted.
pub fn overhead_line(counter: &Counter) -> String {
    value_line("clock.overhead", "instructions", counter.overhead())
}
