// SPDX-License-Identifier: GPL-2.0

//! Unloads the module while others read its files or have them open.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::modules;
use modproof_guest::Ctx;

use crate::fixture::TREE;
use crate::guard;

use super::readers::wait_for;

/// While a file is open, the kernel refuses the unload and the file can still be read.
pub fn while_open(ctx: &mut Ctx) -> Result<()> {
    guard::load(&ctx.modules)?;
    let mut byte = [0];
    let mut files = Vec::new();
    for name in guard::FILES {
        let mut file = File::open(guard::path(name)).with_context(|| format!("open {name}"))?;
        file.read_exact(&mut byte)
            .with_context(|| format!("read a byte of {name}"))?;
        files.push(file);
    }
    ensure!(
        !modules::remove_unless_held(guard::NAME)?,
        "the module went while its files were open"
    );
    for file in &mut files {
        file.read_exact(&mut byte)
            .context("read on after the refused unload")?;
    }
    drop(files);
    guard::unload()
}

/// `while_open` beside a card.
pub fn while_open_beside_card(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    while_open(ctx)
}

/// `under_readers` beside a card.
pub fn under_readers_of_a_card(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    under_readers(ctx)
}

/// Unloads the module repeatedly while others read its files.
pub fn under_readers(ctx: &mut Ctx) -> Result<()> {
    const ROUNDS: u64 = 30;
    let (stop, hold, reads) = (
        AtomicBool::new(false),
        AtomicBool::new(false),
        AtomicU64::new(0),
    );
    let read = |file: &'static str| {
        while !stop.load(Ordering::Relaxed) {
            // The file may disappear at any time.
            if !hold.load(Ordering::Relaxed) && guard::text(file).is_ok() {
                reads.fetch_add(1, Ordering::Relaxed);
            }
            thread::yield_now();
        }
    };
    let result = thread::scope(|scope| {
        let read = &read;
        for file in guard::RECORD_FILES {
            scope.spawn(move || read(file));
        }
        let result = (1..=ROUNDS).try_for_each(|round| {
            hold.store(false, Ordering::Relaxed);
            guard::load(&ctx.modules).with_context(|| format!("round {round}"))?;
            let seen = reads.load(Ordering::Relaxed);
            wait_for("a read", || Ok(reads.load(Ordering::Relaxed) > seen))?;
            // An open file blocks the unload, so no new read may begin now.
            hold.store(true, Ordering::Relaxed);
            wait_for("the unload", || modules::remove_unless_held(guard::NAME))
        });
        stop.store(true, Ordering::Relaxed);
        result
    });
    result?;
    ctx.note(format!(
        "{} reads in {ROUNDS} rounds",
        reads.load(Ordering::Relaxed)
    ));
    guard::expect_gone()
}

/// Loads and unloads the module repeatedly while a card comes and goes. The module's notifiers and
/// queued work must end before the module is freed.
pub fn under_comings_and_goings(ctx: &mut Ctx) -> Result<()> {
    const ROUNDS: u64 = 30;
    TREE.load(&ctx.modules, "")?;
    let (stop, turns) = (AtomicBool::new(false), AtomicU64::new(0));
    let come_and_go = || -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            TREE.control("add slot=0 bar=small cus=2")?;
            turns.fetch_add(1, Ordering::Relaxed);
            TREE.remove(0)?;
            turns.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let mut events = 0;
    thread::scope(|scope| {
        let cards = scope.spawn(come_and_go);
        let result = (1..=ROUNDS).try_for_each(|round| {
            guard::load(&ctx.modules).with_context(|| format!("round {round}"))?;
            let loaded = guard::counters()?;
            let seen = turns.load(Ordering::Relaxed);
            // Varies the event at which the module is unloaded.
            wait_for("a card to come or go", || {
                Ok(cards.is_finished() || turns.load(Ordering::Relaxed) > seen + round % 3)
            })?;
            events += loaded.rise(&guard::counters()?, &["events_pci"]);
            guard::unload()
        });
        stop.store(true, Ordering::Relaxed);
        let cards = cards
            .join()
            .unwrap_or_else(|_| bail!("the cards' thread panicked"));
        cards.context("while the module came and went").and(result)
    })?;
    ctx.note(format!("{events} events in {ROUNDS} rounds"));
    ensure!(events > 0, "no event met the module: tried nothing");
    guard::expect_gone()
}
