// SPDX-License-Identifier: GPL-2.0

//! A card that KFD has published and not filled: it does so in this order, and
//! a reader may come at any moment in between.

use std::io;

use anyhow::{ensure, Context, Result};
use modproof_guest::Ctx;
use nix::libc;

use super::readers::while_reading;
use crate::fixture::{Card, TREE};
use crate::guard;
use crate::kfd;
use crate::truth::View;

/// The node stands there with zeros.
pub fn before_fill(ctx: &mut Ctx) -> Result<()> {
    held(ctx, "fill")
}

/// What it is stands there, where it is does not.
pub fn before_place(ctx: &mut Ctx) -> Result<()> {
    held(ctx, "ids")
}

/// All stands there but the flags of the links and the last capabilities.
pub fn before_links(ctx: &mut Ctx) -> Result<()> {
    held(ctx, "links")
}

fn held(ctx: &mut Ctx, place: &str) -> Result<()> {
    TREE.load(&ctx.modules, "slot=5 board=5600xt")?;
    guard::load(&ctx.modules)?;
    hold_at(ctx, place)?;
    guard::unload()
}

/// Holds cards there, beside one in slot 5, and lets them go.
pub fn hold_at(ctx: &mut Ctx, place: &str) -> Result<()> {
    for bar in ["large", "small"] {
        let card = TREE.add(0, &format!("bar={bar} hold={place}"))?;
        expect_held(ctx, &card, place).with_context(|| format!("held, with a {bar} BAR"))?;
        TREE.control("release slot=0")?;
        let card = TREE.card(0)?;
        let view = View::read()?;
        view.expect_cards(2)?;
        view.expect_truth(&card).context("after the release")?;
        TREE.remove(0)?;
    }
    Ok(())
}

fn expect_held(ctx: &mut Ctx, card: &Card, place: &str) -> Result<()> {
    ensure!(card.get("hold")? == place, "the fixture does not hold it");
    ensure!(
        kfd::node(card.node()).exists(),
        "KFD does not show the node: tried nothing"
    );
    let busy = TREE.remove(0).err().context("a held card was removed")?;
    ensure!(
        busy.downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error)
            == Some(libc::EBUSY),
        "expected EBUSY, seen {busy:#}"
    );

    let generation = kfd::generation()?;
    for _ in 0..3 {
        let view = View::read()?;
        expect_no_verdict(&view, card.gpu())?;
        view.expect_truth(&TREE.card(5)?)
            .context("the card beside the one that is held")?;
    }
    let view = View::read()?;
    let gpu = view.gpus.one(&[("gpu", card.gpu())])?;
    ctx.note(format!(
        "hold={place}: kfd={} reason={}",
        gpu.get("kfd")?,
        gpu.get("reason")?
    ));
    // The readers find no lie, and no truth with holes in it.
    while_reading(|readers| readers.let_all_read())?;
    ensure!(
        kfd::generation()? == generation,
        "generation_id has moved: KFD was not held"
    );
    Ok(())
}

/// No file says anything of the card, or of the node without a place, but that it is not known.
fn expect_no_verdict(view: &View, gpu: &str) -> Result<()> {
    for report in [&view.gpus, &view.heaps, &view.flags, &view.checks] {
        report.expect_none(&[("verdict", "lie")])?;
    }
    view.expect_not_known(gpu)
}

/// Unloading the fixture lets KFD go on first.
pub fn unloaded_while_held(ctx: &mut Ctx) -> Result<()> {
    for place in ["fill", "ids", "links"] {
        TREE.load(&ctx.modules, &format!("slot=0 hold={place}"))?;
        TREE.unload()?;
    }
    Ok(())
}
