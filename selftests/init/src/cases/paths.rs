// SPDX-License-Identifier: GPL-2.0

//! Checks which PCIe AtomicOps get through on the path between the root port and the card.

use anyhow::{ensure, Context, Result};
use modproof_guest::Ctx;

use crate::fixture::{Card, Fixture, TREE};
use crate::guard;
use crate::kfd;
use crate::truth::View;

/// The flags of KFD's links for no 32-bit and no 64-bit atomics.
const NO_ATOMICS: u64 = 4 | 8;

/// The fixture's words, and the first hop above the card that blocks atomics (`-` for none).
const PATHS: &[(&str, &str)] = &[
    ("", "-"),
    ("atomics=0", "0001:00:01.0"),
    ("board=5600xt", "-"),
    ("board=5600xt atomics=0", "0001:00:01.0"),
    ("path=switch", "-"),
    ("path=switch atomics=0", "0001:00:01.0"),
    ("path=switch route=0", "0001:02:00.0"),
    ("path=switch egress=blocked", "0001:01:00.0"),
    ("path=switch board=5600xt", "-"),
    ("path=switch board=5600xt route=0", "0001:08:00.0"),
    ("path=switch board=5600xt egress=blocked", "0001:07:00.0"),
    (
        "path=switch atomics=0 route=0 egress=blocked",
        "0001:02:00.0",
    ),
];

/// On every path KFD shows what the PCI core granted, which is never a lie.
pub fn atomics(ctx: &mut Ctx) -> Result<()> {
    atomics_of(ctx, TREE)
}

/// Tests every path on a fixture.
pub fn atomics_of(ctx: &Ctx, fixture: Fixture) -> Result<()> {
    fixture.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    for (words, hop) in PATHS {
        for rest in ["bar=large", "bar=small", "kfd=0"] {
            let words = format!("{words} {rest}");
            let card = fixture.add(0, &words)?;
            expect_path(&card, hop).with_context(|| words.clone())?;
            fixture.remove(0)?;
        }
    }
    guard::unload()
}

fn expect_path(card: &Card, hop: &str) -> Result<()> {
    let seen = card.get("hop")?;
    ensure!(seen == hop, "the fixture refuses at {seen}, not at {hop}");
    let view = View::read()?;
    view.gpus.expect_count(1)?;
    view.expect_atomics(card)?;
    if card.get("kfd")? == "0" {
        return Ok(());
    }
    let flags = kfd::link_flags(card.node(), "0")?;
    let granted = flags & NO_ATOMICS == 0;
    ensure!(
        granted == (hop == "-"),
        "the link of the card has flags {flags}, with {hop} refusing"
    );
    view.expect_cards(1)?;
    view.expect_truth(card)
}

/// KFD's links to a card show the card's own atomics, not its path's; that is not a lie.
pub fn card_without_atomics(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    for (words, from_card, to_card) in [
        ("", 1, 3),
        ("atomics=0", 13, 3),
        ("completer=0", 1, 15),
        ("atomics=0 completer=0", 13, 15),
    ] {
        let card = TREE.add(0, words)?;
        let seen = (
            kfd::link_flags(card.node(), "0")?,
            kfd::link_flags("0", card.node())?,
        );
        ensure!(
            seen == (from_card, to_card),
            "{words:?}: expected the link flags {from_card} and {to_card}, seen {seen:?}"
        );
        View::read()?.expect_truth(&card)?;
        TREE.remove(0)?;
    }
    guard::unload()
}

/// A large BAR fits through the windows of a switch, also after a resize.
pub fn resized_behind_switch(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0 path=switch bar=small driver=0")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    super::oddities::resize_step_by_step(&card)?;
    guard::unload()
}
