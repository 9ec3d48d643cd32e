// SPDX-License-Identifier: GPL-2.0

//! A card whose node KFD has published but not yet filled. The cases stop KFD at each stage, in
//! KFD's order; a user may read the files at any of them.

use std::io;

use anyhow::{ensure, Context, Result};
use modproof_guest::Ctx;
use nix::libc;

use super::readers::while_reading;
use crate::fixture::{Card, TREE};
use crate::guard;
use crate::kfd;
use crate::truth::View;

/// The node exists, and all its values are zeros.
pub fn before_fill(ctx: &mut Ctx) -> Result<()> {
    held(ctx, "fill")
}

/// The node's properties are filled, but not its PCI location.
pub fn before_place(ctx: &mut Ctx) -> Result<()> {
    held(ctx, "ids")
}

/// Everything is filled but the flags of the links and the last capabilities.
pub fn before_links(ctx: &mut Ctx) -> Result<()> {
    held(ctx, "links")
}

fn held(ctx: &mut Ctx, place: &str) -> Result<()> {
    TREE.load(&ctx.modules, "slot=5 board=5600xt")?;
    guard::load(&ctx.modules)?;
    hold_at(ctx, place)?;
    guard::unload()
}

/// Holds a card at a stage beside an honest card in slot 5, then releases it.
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
    // The readers must find no lie, and no record of the truth with unknown values.
    while_reading(|readers| readers.let_all_read())?;
    ensure!(
        kfd::generation()? == generation,
        "generation_id has moved: KFD was not held"
    );
    Ok(())
}

/// Demands that every record of the card, or of the node without a location, is `unknown`.
fn expect_no_verdict(view: &View, gpu: &str) -> Result<()> {
    for report in [&view.gpus, &view.heaps, &view.flags, &view.checks] {
        report.expect_none(&[("verdict", "lie")])?;
    }
    view.expect_not_known(gpu)
}

/// Unloading the fixture first releases a held KFD.
pub fn unloaded_while_held(ctx: &mut Ctx) -> Result<()> {
    for place in ["fill", "ids", "links"] {
        TREE.load(&ctx.modules, &format!("slot=0 hold={place}"))?;
        TREE.unload()?;
    }
    Ok(())
}
