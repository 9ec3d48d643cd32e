// SPDX-License-Identifier: GPL-2.0

//! Cards come and go quickly while several threads read each file.

use std::time::Instant;

use anyhow::{ensure, Context, Result};
use modproof_guest::memory::Memory;
use modproof_guest::Ctx;

use super::readers::{expect_both_met, while_reading_by};
use crate::fixture::TREE;
use crate::guard;
use crate::report::{Record, Report};
use crate::truth::View;

/// The default number of rounds.
const ROUNDS: usize = 100;
const READERS_PER_FILE: usize = 2;

/// Two boards in turn in one slot. They share no value of `MARKS`, each a key with its value for
/// each board.
const BOARDS: [&str; 2] = ["board=5700xt rev=0xc1", "board=5600xt rev=0xca"];
const MARKS: &[(&str, [&str; 2])] = &[
    ("gpu", ["0001:03:00.0", "0001:09:00.0"]),
    ("revision", ["0xc1", "0xca"]),
    ("size_bytes", ["8573157376", "6425673728"]),
    ("width_bits", ["256", "192"]),
];

/// A card comes and goes repeatedly: no lie, no record of two cards mixed, and the truth at last.
pub fn comings_and_goings(ctx: &mut Ctx) -> Result<()> {
    let rounds = ctx.share_of(ctx.options.rounds.unwrap_or(ROUNDS));
    // Small BARs from here on: KFD itself leaks the CPU's link to a card with a large BAR (the
    // fixture's README, Limits).
    let small_bars_from = rounds / 4;
    // Memory must stay level from here on, as all caches are warm.
    let watched_from = rounds / 2;
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    let before = guard::counters()?;
    let start = Instant::now();
    let mut warm = None;
    let reads = while_reading_by(READERS_PER_FILE, expect_unmixed, |readers| {
        for round in 0..rounds {
            let words = BOARDS[round % BOARDS.len()];
            let bar = ["large", "small"][usize::from(round >= small_bars_from)];
            if round == watched_from {
                warm = Some(Memory::now()?);
            }
            TREE.control(&format!("add slot=0 {words} bar={bar}"))?;
            if round % 25 == 0 {
                readers.let_all_read()?;
            }
            TREE.remove(0)?;
        }
        readers.let_all_read()
    })?;
    ctx.note(format!(
        "{rounds} times added and removed in {} s, reads with a card/all: {reads:?}",
        start.elapsed().as_secs()
    ));
    expect_both_met(&reads)?;
    let warm = warm.context("too few rounds")?;
    ctx.note(warm.expect_level((rounds - watched_from) as u64)?);
    let after = guard::counters()?;
    before.expect_none_fell(&after)?;
    let lies = before.rise(&after, &["lie"]);
    ensure!(lies == 0, "expected no lie counted, seen {lies}");
    guard::expect_header_only()?;
    for words in BOARDS {
        let card = TREE.add(0, words)?;
        View::read()?
            .expect_truth(&card)
            .context("after it was over")?;
        TREE.remove(0)?;
    }
    guard::unload()
}

/// Demands that all values of a record are of one board.
fn expect_unmixed(report: &Report) -> Result<()> {
    for record in &report.records {
        let boards: Vec<usize> = MARKS
            .iter()
            .filter_map(|mark| board_of(record, mark))
            .collect();
        ensure!(
            boards.windows(2).all(|pair| pair[0] == pair[1]),
            "a record mixes two boards:\n{}",
            report.text
        );
    }
    Ok(())
}

fn board_of(record: &Record, (key, values): &(&str, [&str; 2])) -> Option<usize> {
    let seen = record.get(key).ok()?;
    values.iter().position(|value| *value == seen)
}
