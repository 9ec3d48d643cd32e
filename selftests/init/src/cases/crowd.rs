// SPDX-License-Identifier: GPL-2.0

//! Very many cards at once: KFD nodes beyond number 255, and large BARs in 64 slots.

use std::time::Instant;

use anyhow::{ensure, Result};
use modproof_guest::Ctx;

use crate::fixture::TREE;
use crate::guard;
use crate::kfd;
use crate::truth::View;

const CARDS: u32 = 260;

/// Cards beyond node 255 are judged like the others, and one lie among 260 cards is found.
pub fn beyond_255_nodes(ctx: &mut Ctx) -> Result<()> {
    ctx.needs_all()?;
    TREE.load(&ctx.modules, "")?;
    let start = Instant::now();
    for slot in 0..CARDS {
        // KFD relists each compute unit of all nodes at each change: few units keep that short.
        TREE.control(&format!("add slot={slot} bar=small cus=2"))?;
    }
    ctx.note(format!(
        "{CARDS} cards after {} s",
        start.elapsed().as_secs()
    ));
    guard::load(&ctx.modules)?;
    let view = View::read()?;
    view.expect_cards(CARDS as usize)?;
    view.gpus.expect_none(&[("verdict", "lie")])?;
    for slot in [0, 1, 100, 253, 254, 255, 256, 257, CARDS - 1] {
        view.expect_truth(&TREE.card(slot)?)?;
    }
    let last = TREE.card(CARDS - 1)?;
    ensure!(
        last.node().parse::<u32>()? > 255 && kfd::node(last.node()).exists(),
        "the last card has node {}: tried nothing",
        last.node()
    );

    TREE.set(CARDS - 1, "bank.flags=1")?;
    let view = View::read()?;
    view.expect_cards(CARDS as usize)?;
    let lies = view.gpus.select(&[("verdict", "lie")]).len();
    ensure!(lies == 1, "expected one lie among the cards, seen {lies}");
    view.heaps
        .one(&[("gpu", last.gpu())])?
        .expect(&[("verdict", "lie"), ("rules", "bank-flags")])?;
    guard::unload()?;
    ctx.note(format!("told after {} s", start.elapsed().as_secs()));
    Ok(())
}

/// A large BAR in each of the 64 slots with room for it; half of the cards are behind switches.
pub fn sixty_four_large_bars(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    for slot in 0..64 {
        let path = ["port", "switch"][slot % 2];
        TREE.control(&format!("add slot={slot} bar=large cus=2 path={path}"))?;
    }
    guard::load(&ctx.modules)?;
    let view = View::read()?;
    view.expect_cards(64)?;
    for slot in 0..64 {
        view.expect_truth(&TREE.card(slot)?)?;
    }
    guard::unload()
}
