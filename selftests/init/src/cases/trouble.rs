// SPDX-License-Identifier: GPL-2.0

//! A topology that changes or goes away under the reader.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{anyhow, ensure, Context, Result};
use nix::libc;

use crate::ctx::Ctx;
use crate::fixture::TREE;
use crate::guard;
use crate::kmsg::expect_line;
use crate::report::Report;
use crate::truth::View;

const ROUNDS: usize = 200;

/// Readers of every file while a card comes and goes: never a lie, never half a record.
pub fn vanishing_node(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    let before = guard::counters()?;
    let stop = AtomicBool::new(false);
    let reads = thread::scope(|scope| {
        let readers = guard::RECORD_FILES
            .map(|file| scope.spawn(|| read_until(&stop, file).with_context(|| file.to_owned())));
        let moved = come_and_go(&stop);
        stop.store(true, Ordering::Relaxed);
        let mut reads = Vec::new();
        for reader in readers {
            reads.push(reader.join().map_err(|_| anyhow!("a reader panicked"))??);
        }
        moved.map(|()| reads)
    })?;
    ctx.note(format!(
        "{ROUNDS} times added and removed, reads with a card/all: {reads:?}"
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

    let card = TREE.add(0, "")?;
    View::read()?
        .expect_truth(&card)
        .context("after it was over")?;
    guard::unload()
}

fn come_and_go(stop: &AtomicBool) -> Result<()> {
    for _ in 0..ROUNDS {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        TREE.control("add slot=0")?;
        TREE.control("remove slot=0")?;
    }
    Ok(())
}

/// Reads until told to stop; a fault stops everybody. Gives back the reads with a card, and all.
fn read_until(stop: &AtomicBool, file: &str) -> Result<(usize, usize)> {
    let mut counts = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        match guard::read(file).and_then(|report| expect_sound(&report).map(|()| report)) {
            Ok(report) => {
                counts.0 += usize::from(!report.records.is_empty());
                counts.1 += 1;
            }
            Err(error) => {
                stop.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
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
