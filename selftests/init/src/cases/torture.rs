// SPDX-License-Identifier: GPL-2.0

//! Stress tests: far more loads, reads and changes than in real use, many of them at once.
//!
//! `modproof.rounds=` on the kernel command line is the number of rounds; the default suits every
//! test run.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::memory::level_over;
use modproof_guest::modules::{self, Refused};
use modproof_guest::words::{self, word};
use modproof_guest::Ctx;
use nix::errno::Errno;

use super::lifecycle::expect_refused;
use super::readers::wait_for;
use crate::fixture::TREE;
use crate::guard;

const SHORT: usize = 300;
/// The number of rounds until caches are warm.
const WARM: u64 = 100;

/// The word of the kernel command line that repeats a random draw.
pub fn seed_word(seed: u64) -> String {
    word(words::SEED, &seed.to_string())
}

/// The number of rounds: as asked for, but enough to compare memory.
pub fn rounds(ctx: &Ctx) -> u64 {
    let asked_for = ctx.options.rounds.unwrap_or(SHORT);
    (ctx.share_of(asked_for) as u64).max(2 * WARM)
}

/// Loads, reads every file and unloads; after the first hundred rounds memory must stay level.
pub fn cycles_beside_a_card(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    let rounds = rounds(ctx);
    let compared = level_over(WARM, rounds - WARM, || {
        guard::load(&ctx.modules)?;
        for file in guard::RECORD_FILES {
            guard::read(file)?;
        }
        guard::counters()?;
        guard::unload()
    })?;
    ctx.note(format!("{rounds} cycles: {compared}"));
    Ok(())
}

/// Loads and unloads the module, reads, changes cards and reloads the fixture, all at once.
pub fn all_at_once(ctx: &mut Ctx) -> Result<()> {
    let rounds = rounds(ctx) / 10;
    let (stop, hold) = (AtomicBool::new(false), AtomicBool::new(false));
    let (reads, cards) = (AtomicU64::new(0), AtomicU64::new(0));
    let running = || !stop.load(Ordering::Relaxed);
    let read = |file: &'static str| {
        while running() {
            if hold.load(Ordering::Relaxed) {
                thread::yield_now();
                continue;
            }
            // The file may disappear at any time.
            if let Ok(report) = guard::read(file) {
                reads.fetch_add(1, Ordering::Relaxed);
                report.expect_none(&[("verdict", "lie")])?;
            }
            thread::yield_now();
        }
        Ok(())
    };
    let come_and_go = || -> Result<()> {
        while running() {
            TREE.load(&ctx.modules, "slot=0;slot=1 bar=small cus=2")?;
            for _ in 0..3 {
                TREE.remove(0)?;
                TREE.control("add slot=0 board=5600xt")?;
                cards.fetch_add(1, Ordering::Relaxed);
            }
            TREE.unload()?;
        }
        Ok(())
    };
    let load_and_unload = || -> Result<()> {
        for round in 0..rounds {
            guard::load(&ctx.modules).with_context(|| format!("round {round}"))?;
            let (read, came) = (reads.load(Ordering::Relaxed), cards.load(Ordering::Relaxed));
            wait_for("a read and a card", || {
                let more = |count: &AtomicU64, before| count.load(Ordering::Relaxed) > before;
                Ok(more(&reads, read) && more(&cards, came))
            })?;
            unload_between_reads(&hold)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let (read, come_and_go) = (&read, &come_and_go);
        let mut others: Vec<_> = guard::RECORD_FILES
            .into_iter()
            .map(|file| scope.spawn(move || read(file)))
            .collect();
        others.push(scope.spawn(come_and_go));
        let mut result = load_and_unload();
        stop.store(true, Ordering::Relaxed);
        for other in others {
            let ended = other.join().unwrap_or_else(|_| bail!("a thread panicked"));
            result = result.and(ended);
        }
        result
    })?;
    ctx.note(format!(
        "{rounds} rounds: {} reads, {} cards",
        reads.load(Ordering::Relaxed),
        cards.load(Ordering::Relaxed)
    ));
    guard::expect_gone()
}

/// Unloads the module while others keep opening its files. After some tries it asks them to pause:
/// on a slow kernel there may be no gap between their reads.
fn unload_between_reads(hold: &AtomicBool) -> Result<()> {
    const TRIES: u64 = 10;
    let mut tries = 0;
    let unloaded = wait_for("the unload", || {
        tries += 1;
        hold.store(tries > TRIES, Ordering::Relaxed);
        modules::remove_unless_held(guard::NAME)
    });
    hold.store(false, Ordering::Relaxed);
    unloaded
}

/// The module's reference count is exactly the number of its open files.
pub fn references(ctx: &mut Ctx) -> Result<()> {
    const FILES: u64 = 500;
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    expect_references(0)?;
    let mut held = Vec::new();
    for at in 0..FILES {
        let file = guard::RECORD_FILES[(at % 4) as usize];
        held.push(File::open(guard::path(file)).with_context(|| format!("open {file}"))?);
    }
    expect_references(FILES)?;
    expect_refused(modules::remove(guard::NAME), Errno::EAGAIN)?;
    guard::read("heaps")?.expect_count(1)?;
    // A second load must replace neither the module nor its files.
    expect_refused(guard::load(&ctx.modules), Errno::EEXIST)?;
    expect_references(FILES)?;
    held.truncate(1);
    expect_references(1)?;
    expect_refused(modules::remove(guard::NAME), Errno::EAGAIN)?;
    held.clear();
    expect_references(0)?;
    guard::unload()
}

fn expect_references(count: u64) -> Result<()> {
    let seen = modules::refcount(guard::NAME)?;
    ensure!(seen == count, "expected {count} references, seen {seen}");
    Ok(())
}

/// Several threads load, then unload, at once. The module ends up loaded once and unloaded once,
/// and the losers get a clean error. The kernel merges simultaneous loads of one file, and reports
/// success to all (`idempotent_init_module()`, `kernel/module/main.c`).
pub fn loads_in_a_race(ctx: &mut Ctx) -> Result<()> {
    const THREADS: usize = 4;
    TREE.load(&ctx.modules, "slot=0")?;
    for round in 0..rounds(ctx) / 10 {
        let at_once =
            |action: &(dyn Fn() -> Result<()> + Sync), refusals: &[Errno]| -> Result<usize> {
                let results: Vec<Result<()>> = thread::scope(|scope| {
                    let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(action)).collect();
                    let ends = threads.into_iter().map(|thread| thread.join());
                    ends.map(|end| end.unwrap_or_else(|_| bail!("a thread panicked")))
                        .collect()
                });
                let mut done = 0;
                for result in results {
                    match result {
                        Ok(()) => done += 1,
                        Err(error) => match error.downcast_ref::<Refused>() {
                            Some(refused) if refusals.contains(&refused.errno) => {}
                            _ => return Err(error),
                        },
                    }
                }
                Ok(done)
            };
        let load = || guard::load(&ctx.modules);
        let loads = at_once(&load, &[Errno::EEXIST, Errno::EBUSY])
            .with_context(|| format!("loads, round {round}"))?;
        ensure!(loads > 0, "no load of {THREADS} succeeded in round {round}");
        guard::expect_files()?;
        // A second unload may find that the module is already going.
        let unload = || modules::remove(guard::NAME);
        let unloads = at_once(&unload, &[Errno::ENOENT, Errno::EBUSY, Errno::EAGAIN])
            .with_context(|| format!("unloads, round {round}"))?;
        ensure!(
            unloads == 1,
            "{unloads} of {THREADS} unloads succeeded in round {round}"
        );
        guard::expect_gone()?;
    }
    Ok(())
}
