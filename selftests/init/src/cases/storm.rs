// SPDX-License-Identifier: GPL-2.0

//! Very many cards that come and go under very many readers.

use std::time::Instant;

use anyhow::{ensure, Context, Result};
use modproof_guest::memory::Memory;
use modproof_guest::Ctx;

use super::readers::{expect_both_met, while_reading_by};
use crate::fixture::TREE;
use crate::guard;
use crate::report::{Record, Report};
use crate::truth::View;

/// Unless a longer storm is asked for.
const ROUNDS: usize = 100;
const READERS_PER_FILE: usize = 2;

/// Two boards in turn, that have nothing in common but the slot and the number of the node.
/// What only one of them can have: key, then its value for each.
const BOARDS: [&str; 2] = ["board=5700xt rev=0xc1", "board=5600xt rev=0xca"];
const MARKS: &[(&str, [&str; 2])] = &[
    ("gpu", ["0001:03:00.0", "0001:09:00.0"]),
    ("revision", ["0xc1", "0xca"]),
    ("size_bytes", ["8573157376", "6425673728"]),
    ("width_bits", ["256", "192"]),
];

/// A card comes and goes, over and over: no lie, no torn record, and the truth when it is over.
pub fn comings_and_goings(ctx: &mut Ctx) -> Result<()> {
    let rounds = ctx.share_of(ctx.options.rounds.unwrap_or(ROUNDS));
    // From then on BARs are small: KFD itself loses the CPU's link to a card with a large one (the
    // fixture's README, Limits).
    let small_bars_from = rounds / 4;
    // From then on memory is watched: by now all caches are warm.
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

/// Demands that all fields of a record are one board's.
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

/// Which board's mark the record bears, if either's.
fn board_of(record: &Record, (key, values): &(&str, [&str; 2])) -> Option<usize> {
    let seen = record.get(key).ok()?;
    values.iter().position(|value| *value == seen)
}
