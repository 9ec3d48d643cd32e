// SPDX-License-Identifier: GPL-2.0

//! Threads that read the module's files while a case changes the topology.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, ensure, Result};

use crate::guard;
use crate::report::Report;

/// Counts the reads of all threads; `done` has one count for each thread.
pub struct Readers {
    stop: AtomicBool,
    faulty: AtomicBool,
    done: Vec<AtomicU64>,
}

/// A thread's reads: how many saw a card, and how many there were.
pub type Reads = (u64, u64);

impl Readers {
    /// Waits until each thread has begun and ended a read after this call.
    pub fn let_all_read(&self) -> Result<()> {
        let count = || -> Vec<u64> {
            let done = |done: &AtomicU64| done.load(Ordering::SeqCst);
            self.done.iter().map(done).collect()
        };
        let before = count();
        wait_for("a read of every file", || {
            ensure!(
                !self.faulty.load(Ordering::SeqCst),
                "a reader found a fault"
            );
            // The first of the two reads may have begun before this call.
            Ok(count()
                .iter()
                .zip(&before)
                .all(|(now, before)| *now >= *before + 2))
        })
    }

    fn read_until_stopped(
        &self,
        index: usize,
        check: impl Fn(&Report) -> Result<()>,
    ) -> Result<Reads> {
        let file = guard::RECORD_FILES[index % guard::RECORD_FILES.len()];
        let mut reads = (0, 0);
        while !self.stop.load(Ordering::SeqCst) {
            let sound = guard::read(file).and_then(expect_sound);
            let sound = sound.and_then(|report| check(&report).map(|()| report));
            let report = sound.inspect_err(|_| self.faulty.store(true, Ordering::SeqCst))?;
            reads.0 += u64::from(!report.records.is_empty());
            reads.1 += 1;
            self.done[index].fetch_add(1, Ordering::SeqCst);
        }
        Ok(reads)
    }
}

/// Runs `action` while one thread for each record file reads it; the threads must find no fault.
pub fn while_reading(action: impl FnOnce(&Readers) -> Result<()>) -> Result<Vec<Reads>> {
    while_reading_by(1, |_| Ok(()), action)
}

/// Like `while_reading`, with `per_file` threads for each file and another check of each read.
pub fn while_reading_by(
    per_file: usize,
    check: impl Fn(&Report) -> Result<()> + Copy + Send,
    action: impl FnOnce(&Readers) -> Result<()>,
) -> Result<Vec<Reads>> {
    let count = per_file * guard::RECORD_FILES.len();
    let readers = Readers {
        stop: AtomicBool::new(false),
        faulty: AtomicBool::new(false),
        done: (0..count).map(|_| AtomicU64::new(0)).collect(),
    };
    thread::scope(|scope| {
        let readers = &readers;
        let threads: Vec<_> = (0..count)
            .map(|index| scope.spawn(move || readers.read_until_stopped(index, check)))
            .collect();
        // The readers must end even if `action` panics.
        let done = catch_unwind(AssertUnwindSafe(|| action(readers)));
        readers.stop.store(true, Ordering::SeqCst);
        let (mut reads, mut faults) = (Vec::new(), Vec::new());
        for thread in threads {
            match thread.join().unwrap_or_else(|_| bail!("a reader panicked")) {
                Ok(counts) => reads.push(counts),
                Err(error) => faults.push(format!("{error:#}")),
            }
        }
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        done.map_err(|_| anyhow!("panicked while others read"))??;
        Ok(reads)
    })
}

/// Demands that every reader read the files both with a card and without one.
pub fn expect_both_met(reads: &[Reads]) -> Result<()> {
    for (with_card, all) in reads {
        ensure!(
            *with_card > 0 && all > with_card,
            "a reader never met both states: {reads:?}"
        );
    }
    Ok(())
}

/// Demands that no record has the verdict `lie`, and that `truth` comes with all values known.
fn expect_sound(report: Report) -> Result<Report> {
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
    Ok(report)
}

/// Repeats `is_so` until it is true, for at most 60 s; yields between the tries.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so()? {
        ensure!(Instant::now() < deadline, "{what} has not come within 60 s");
        thread::yield_now();
    }
    Ok(())
}
