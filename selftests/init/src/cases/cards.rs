// SPDX-License-Identifier: GPL-2.0

//! Honest cards, and cards that KFD does not list.

use anyhow::{ensure, Context, Result};
use modproof_guest::files::read_chunked;
use modproof_guest::kmsg::expect_line;
use modproof_guest::Ctx;

use crate::fixture::{Fixture, TREE};
use crate::guard;
use crate::truth::View;

/// KFD is there and lists only its CPU node.
pub fn no_card(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    let mut log = ctx.log_from_now()?;
    guard::load(&ctx.modules)?;
    expect_line(&log.new_lines()?, &[guard::NAME, "no 0x731f card"])?;
    guard::expect_files()?;
    guard::expect_header_only()?;
    guard::unload()
}

pub fn truth_5700xt_large(ctx: &mut Ctx) -> Result<()> {
    truth_on_tree(ctx, "board=5700xt bar=large")
}

pub fn truth_5700xt_small(ctx: &mut Ctx) -> Result<()> {
    truth_on_tree(ctx, "board=5700xt bar=small")
}

pub fn truth_5600xt_large(ctx: &mut Ctx) -> Result<()> {
    truth_on_tree(ctx, "board=5600xt bar=large")
}

pub fn truth_5600xt_small(ctx: &mut Ctx) -> Result<()> {
    truth_on_tree(ctx, "board=5600xt bar=small")
}

/// KFD takes a card without PCIe atomics if its firmware is new enough; that is not a lie.
pub fn truth_without_atomics(ctx: &mut Ctx) -> Result<()> {
    for words in [
        "board=5700xt bar=large atomics=0",
        "board=5700xt bar=small atomics=0",
        "board=5600xt bar=large atomics=0",
        "board=5600xt bar=small atomics=0",
    ] {
        truth_on_tree(ctx, words)?;
    }
    Ok(())
}

/// Every combination of board, revision, BAR and atomics is the truth. The revisions are those in
/// libdrm's table `amdgpu.ids`.
pub fn honest_table(ctx: &mut Ctx) -> Result<()> {
    const BOARDS: [(&str, &[&str]); 2] = [
        ("5700xt", &["0xc0", "0xc1", "0xc3", "0xc4", "0xc5"]),
        ("5600xt", &["0xc2", "0xca", "0xcb"]),
    ];
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    for (board, revisions) in BOARDS {
        for revision in revisions {
            for bar in ["large", "small"] {
                for atomics in [1, 0] {
                    let words = format!("board={board} rev={revision} bar={bar} atomics={atomics}");
                    let card = TREE.add(0, &words)?;
                    let view = View::read()?;
                    view.expect_cards(1)
                        .and_then(|()| view.expect_truth(&card))
                        .with_context(|| words.clone())?;
                    TREE.remove(0)?;
                }
            }
        }
    }
    guard::expect_header_only()?;
    guard::unload()
}

fn truth_on_tree(ctx: &mut Ctx, words: &str) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    truth_of(ctx, TREE, words)?;
    TREE.unload()
}

/// Adds an honest card while the module is loaded; its records must go with it.
pub fn truth_of(ctx: &Ctx, fixture: Fixture, words: &str) -> Result<()> {
    guard::load(&ctx.modules)?;
    guard::expect_header_only()?;
    let card = fixture.add(0, words)?;
    let view = View::read()?;
    view.expect_cards(1)?;
    view.expect_truth(&card)?;
    fixture.remove(0)?;
    guard::expect_header_only()?;
    guard::unload()
}

/// The card is there before the module, which must log it at load.
pub fn card_before_load(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=3 board=5600xt bar=small rev=0xcb")?;
    let card = TREE.card(3)?;
    let mut log = ctx.log_from_now()?;
    guard::load(&ctx.modules)?;
    expect_line(&log.new_lines()?, &[guard::NAME, card.gpu()])?;
    let view = View::read()?;
    view.expect_cards(1)?;
    view.expect_truth(&card)?;
    view.gpus
        .one(&[("gpu", card.gpu())])?
        .expect(&[("revision", "0xcb")])?;
    guard::unload()
}

/// Two different boards; removing one leaves the other's records intact.
pub fn two_cards(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    let first = TREE.add(0, "board=5700xt bar=large")?;
    let second = TREE.add(7, "board=5600xt bar=small")?;
    ensure!(
        first.gpu() != second.gpu(),
        "both slots have the address {}",
        first.gpu()
    );
    ensure!(
        first.node() != second.node(),
        "both slots have the node {}",
        first.node()
    );
    let view = View::read()?;
    view.expect_cards(2)?;
    view.expect_truth(&first)?;
    view.expect_truth(&second)?;

    TREE.remove(0)?;
    let second = TREE.card(7)?;
    let view = View::read()?;
    view.expect_cards(1)?;
    view.expect_truth(&second)?;

    TREE.remove(7)?;
    guard::expect_header_only()?;
    guard::unload()
}

/// The card is on the PCI bus, but KFD has not taken it.
pub fn absent_from_kfd(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    let card = TREE.add(0, "kfd=0")?;
    let view = View::read()?;
    view.gpus.expect_count(1)?;
    let gpu = view.gpus.one(&[("gpu", card.gpu())])?;
    gpu.expect(&[
        ("coarse_grained_only", "1"),
        ("driver", "-"),
        ("reason", "no-driver"),
    ])?;
    view.expect_absent(card.gpu())?;
    guard::unload()
}

/// Files larger than a page: every record is there once, and reads in pieces give the same text.
pub fn twelve_cards(ctx: &mut Ctx) -> Result<()> {
    let slots = 0..12;
    let words: Vec<String> = slots.clone().map(|slot| format!("slot={slot}")).collect();
    TREE.load(&ctx.modules, &words.join(";"))?;
    guard::load(&ctx.modules)?;
    let view = View::read()?;
    view.expect_cards(words.len())?;
    for slot in slots {
        view.expect_truth(&TREE.card(slot)?)?;
    }
    ensure!(
        view.checks.text.len() > 4096,
        "not more than a page: tried nothing"
    );
    let before = guard::counters()?;
    let pieces = read_chunked(&guard::path("checks"), 1)?;
    let reads = before.rise(&guard::counters()?, &["reads"]);
    ensure!(
        reads == 2,
        "reads: expected a rise by 2, one the counters' own, seen {reads}"
    );
    ensure!(
        pieces == view.checks.text,
        "checks differs if read byte by byte:\n{pieces}"
    );
    guard::unload()
}
