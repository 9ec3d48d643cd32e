// SPDX-License-Identifier: GPL-2.0

//! The way from the root to the card, and what of AtomicOps comes through.

use anyhow::{ensure, Context, Result};
use modproof_guest::Ctx;

use crate::fixture::{Card, Fixture, TREE};
use crate::guard;
use crate::kfd;
use crate::truth::View;

/// The flags of KFD's links that say "no atomics of 32 and of 64 bits".
const NO_ATOMICS: u64 = 4 | 8;

/// The words, and the first hop from the card up that refuses.
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

/// No path makes KFD lie, and KFD says of each what the PCI core granted.
pub fn atomics(ctx: &mut Ctx) -> Result<()> {
    atomics_of(ctx, TREE)
}

/// The same, with the KFD that this fixture has.
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

/// KFD's links to the card tell of the card itself, not of its path; that is no lie either.
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

/// A large BAR comes through the windows of a switch, and so does a resized one.
pub fn resized_behind_switch(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0 path=switch bar=small driver=0")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    super::oddities::resize_step_by_step(&card)?;
    guard::unload()
}
