// SPDX-License-Identifier: GPL-2.0

//! A topology that changes or goes away under the reader.

use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{anyhow, bail, ensure, Context, Result};
use nix::libc;

use crate::ctx::Ctx;
use crate::fixture::{Fixture, TREE};
use crate::guard;
use crate::kmsg::expect_line;
use crate::report::Report;
use crate::truth::View;

/// Readers of every file while a card comes and goes: never a lie, never half a record.
pub fn vanishing_node(ctx: &mut Ctx) -> Result<()> {
    come_and_go(ctx, TREE, 200)
}

/// Adds and removes a card so many times under readers.
pub fn come_and_go(ctx: &mut Ctx, fixture: Fixture, rounds: usize) -> Result<()> {
    fixture.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    let before = guard::counters()?;
    let reads = while_reading(|| {
        for _ in 0..rounds {
            fixture.control("add slot=0")?;
            fixture.control("remove slot=0")?;
        }
        Ok(())
    })?;
    ctx.note(format!(
        "{rounds} times added and removed, reads with a card/all: {reads:?}"
    ));
    for (with_card, all) in &reads {
        ensure!(
            *with_card > 0 && all > with_card,
            "a reader never met both states: {reads:?}"
        );
    }
    let after = guard::counters()?;
    before.expect_none_fell(&after)?;
    let lies = before.rise(&after, &["lie"]);
    ensure!(lies == 0, "expected no lie counted, seen {lies}");
    guard::expect_header_only()?;

    let card = fixture.add(0, "")?;
    View::read()?
        .expect_truth(&card)
        .context("after it was over")?;
    guard::unload()
}

/// Does something while a thread for each file reads it over and over.
///
/// Gives back how many reads of each file saw a card, and how many there were.
pub fn while_reading(action: impl FnOnce() -> Result<()>) -> Result<Vec<(usize, usize)>> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let readers = guard::RECORD_FILES.map(|file| scope.spawn(move || read_until(stop, file)));
        // The readers have to end even if this panics.
        let done = catch_unwind(AssertUnwindSafe(action));
        stop.store(true, Ordering::Relaxed);
        let (mut reads, mut faults) = (Vec::new(), Vec::new());
        for reader in readers {
            match reader.join().unwrap_or_else(|_| bail!("a reader panicked")) {
                Ok(counts) => reads.push(counts),
                Err(error) => faults.push(format!("{error:#}")),
            }
        }
        done.map_err(|_| anyhow!("panicked while others read"))??;
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        Ok(reads)
    })
}

/// Reads until told to stop. Gives back the reads with a card, and all.
fn read_until(stop: &AtomicBool, file: &str) -> Result<(usize, usize)> {
    let mut counts = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let report = guard::read(file)?;
        expect_sound(&report)?;
        counts.0 += usize::from(!report.records.is_empty());
        counts.1 += 1;
    }
    Ok(counts)
}

/// Demands that no record lies, and that one that is true is whole.
fn expect_sound(report: &Report) -> Result<()> {
    report.expect_none(&[("verdict", "lie")])?;
    for record in report.select(&[("verdict", "truth")]) {
        for key in ["size_bytes", "width_bits", "gfx", "claimed_gfx", "observed"] {
            let hole = record.get(key).is_ok_and(|value| value == "?");
            ensure!(
                !hole,
                "a record is true without its {key}:\n{}",
                report.text
            );
        }
    }
    Ok(())
}

/// KFD's tree goes away altogether under the loaded module, and comes back.
pub fn absent_tree(ctx: &mut Ctx) -> Result<()> {
    for _ in 0..3 {
        TREE.load(&ctx.modules, "slot=0")?;
        if !crate::modules::is_loaded(guard::NAME) {
            guard::load(&ctx.modules)?;
        }
        View::read()?.expect_truth(&TREE.card(0)?)?;
        TREE.unload()?;
        guard::expect_files()?;
        guard::expect_header_only()?;
    }
    guard::unload()
}

/// KFD's whole tree comes and goes under readers of every file.
pub fn absent_tree_under_readers(ctx: &mut Ctx) -> Result<()> {
    guard::load(&ctx.modules)?;
    let reads = while_reading(|| {
        for _ in 0..20 {
            TREE.load(&ctx.modules, "slot=0")?;
            TREE.unload()?;
        }
        Ok(())
    })?;
    ctx.note(format!("reads with a card/all: {reads:?}"));
    guard::expect_header_only()?;
    guard::unload()
}

/// A mistyped command must not pass for a card that was added.
pub fn fixture_refuses_nonsense(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    for (command, word) in [
        ("add slot=0 bord=5700xt", "bord"),
        ("add slot=0 board=6800xt", "6800xt"),
        ("add slot=0 lie=nonsense", "nonsense"),
        ("add slot=64", "64"),
        ("ad slot=0", "ad"),
    ] {
        let mut log = ctx.log_from_now()?;
        let error = TREE
            .control(command)
            .err()
            .with_context(|| format!("{command:?} was taken"))?;
        let errno = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error);
        ensure!(
            errno == Some(libc::EINVAL),
            "{command:?}: expected EINVAL, seen {error:#}"
        );
        expect_line(&log.new_lines()?, &["navi10_tree", word])?;
    }
    ensure!(TREE.card(0).is_err(), "a refused command has left a card");
    Ok(())
}
