// SPDX-License-Identifier: GPL-2.0

//! The topology changes or disappears during reads; and the fixture refuses wrong commands.

use std::io;

use anyhow::{ensure, Context, Result};
use modproof_guest::kmsg::expect_line;
use modproof_guest::Ctx;
use nix::libc;

use crate::fixture::{Fixture, TREE};
use crate::guard;
use crate::truth::View;

use super::readers::{expect_both_met, while_reading};

/// A card comes and goes while others read every file: no lie and no incomplete record.
pub fn vanishing_node(ctx: &mut Ctx) -> Result<()> {
    let rounds = ctx.share_of(100);
    come_and_go(ctx, TREE, rounds)
}

/// Adds and removes a card `rounds` times while others read every file.
pub fn come_and_go(ctx: &mut Ctx, fixture: Fixture, rounds: usize) -> Result<()> {
    fixture.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    let before = guard::counters()?;
    let reads = while_reading(|readers| {
        for round in 0..rounds {
            fixture.control("add slot=0")?;
            // From time to time, every reader must see the card, even on a fast machine.
            if round % 20 == 0 {
                readers.let_all_read()?;
            }
            fixture.control("remove slot=0")?;
        }
        readers.let_all_read()
    })?;
    ctx.note(format!(
        "{rounds} times added and removed, reads with a card/all: {reads:?}"
    ));
    expect_both_met(&reads)?;
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

/// KFD's topology disappears and returns while the module stays loaded.
pub fn absent_tree(ctx: &mut Ctx) -> Result<()> {
    for _ in 0..3 {
        TREE.load(&ctx.modules, "slot=0")?;
        if !modproof_guest::modules::is_loaded(guard::NAME) {
            guard::load(&ctx.modules)?;
        }
        View::read()?.expect_truth(&TREE.card(0)?)?;
        TREE.unload()?;
        guard::expect_files()?;
        guard::expect_header_only()?;
    }
    guard::unload()
}

/// KFD's topology disappears and returns while others read every file.
pub fn absent_tree_under_readers(ctx: &mut Ctx) -> Result<()> {
    guard::load(&ctx.modules)?;
    let reads = while_reading(|readers| {
        for round in 0..20 {
            TREE.load(&ctx.modules, "slot=0")?;
            if round % 5 == 0 {
                readers.let_all_read()?;
            }
            TREE.unload()?;
        }
        readers.let_all_read()
    })?;
    expect_both_met(&reads)?;
    ctx.note(format!("reads with a card/all: {reads:?}"));
    guard::expect_header_only()?;
    guard::unload()
}

/// A mistyped command must fail and must not add a card.
pub fn fixture_refuses_nonsense(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    for (command, word) in [
        ("add slot=0 bord=5700xt", "bord"),
        ("add slot=0 board=6800xt", "6800xt"),
        ("add slot=0 lie=nonsense", "nonsense"),
        ("add slot=320", "320"),
        ("ad slot=0", "ad"),
        ("add slot=0 path=bridge", "bridge"),
        ("add slot=0 route=0", "path=switch"),
        ("add slot=0 egress=open", "path=switch"),
        ("add slot=0 hold=nonsense", "nonsense"),
        ("add slot=0 hold=fill kfd=0", "kfd=1"),
        ("add slot=0 probe=1 kfd=1", "kfd=0"),
        ("add slot=0 cus=3", "cus"),
    ] {
        expect_nonsense(ctx, TREE, command, word)?;
    }
    ensure!(TREE.card(0).is_err(), "a refused command has left a card");
    Ok(())
}

/// Demands that the fixture refuses a command with EINVAL and logs the wrong `word`.
pub fn expect_nonsense(ctx: &Ctx, fixture: Fixture, command: &str, word: &str) -> Result<()> {
    let mut log = ctx.log_from_now()?;
    let error = fixture
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
    expect_line(&log.new_lines()?, &[fixture.name(), word])
}
