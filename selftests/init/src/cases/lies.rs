// SPDX-License-Identifier: GPL-2.0

//! Cards of which KFD says what cannot be.

use anyhow::{ensure, Context, Result};

use crate::ctx::Ctx;
use crate::fixture::{Card, Fixture, TREE};
use crate::guard;
use crate::kfd;
use crate::truth::View;

/// The patch of the field reports: every VRAM bank hot-pluggable.
pub fn bank_flags(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "bank-flags", BOTH)
}

pub fn gfx_version(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "gfx-version", BOTH)
}

/// What makes user space offer fine-grained VRAM.
pub fn hive_id(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "hive-id", BOTH)
}

pub fn pci_identity(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "pci-identity", BOTH)
}

pub fn heap_type(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "heap-type", BOTH)
}

pub fn bank_count(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "bank-count", BOTH)
}

pub fn bank_size(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "bank-size", BOTH)
}

pub fn xgmi(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "xgmi", BOTH)
}

pub fn host_coherent(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "host-coherent", BOTH)
}

/// Only a large BAR has the link.
pub fn link_coherent(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "link-coherent", LARGE)
}

/// With a large BAR the heap is public and that is true.
pub fn heap_bar(ctx: &mut Ctx) -> Result<()> {
    on_tree(ctx, "heap-bar", SMALL)
}

const LARGE: &[&str] = &["large"];
const SMALL: &[&str] = &["small"];
const BOTH: &[&str] = &["large", "small"];

fn on_tree(ctx: &mut Ctx, rule: &str, bars: &[&str]) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    for bar in bars {
        lie_of(TREE, rule, bar).with_context(|| format!("with a {bar} BAR"))?;
    }
    guard::unload()?;
    TREE.unload()
}

/// Adds a card that lies by this rule, demands that it is told, and removes it.
pub fn lie_of(fixture: Fixture, rule: &str, bar: &str) -> Result<()> {
    let card = fixture.add(0, &format!("board=5700xt bar={bar} lie={rule}"))?;
    let view = View::read()?;
    view.expect_cards(1)?;
    view.expect_lie(&card, rule)?;
    expect_raw(&view, &card, rule)?;
    fixture.remove(0)?;
    guard::expect_header_only()
}

/// Demands the raw value beside the verdict.
pub fn expect_raw(view: &View, card: &Card, rule: &str) -> Result<()> {
    let gpu = [("gpu", card.gpu())];
    let heap = view.heaps.one(&gpu)?;
    let flags = view.flags.one(&gpu)?;
    let check = view.checks.one(&[("gpu", card.gpu()), ("rule", rule)])?;
    match rule {
        "bank-flags" => {
            heap.expect(&[("flags", "0x1")])?;
            flags.expect(&[("claimed_hot_pluggable", "1"), ("hot_pluggable_vram", "0")])?;
            check.expect(&[("bank", "0"), ("expected", "0x0"), ("observed", "0x1")])
        }
        "gfx-version" => {
            flags.expect(&[("claimed_gfx", "100300"), ("gfx", "100100")])?;
            view.gpus.one(&gpu)?.expect(&[("gfx", "100300")])?;
            check.expect(&[("expected", "100100"), ("observed", "100300")])
        }
        "heap-type" => {
            heap.expect(&[("heap", "system")])?;
            check.expect(&[("bank", "0"), ("observed", "system")])
        }
        "hive-id" => {
            let properties = kfd::node(card.node()).join("properties");
            let hive = kfd::property(&properties, "hive_id")?;
            ensure!(hive != 0, "the fixture's hive_id is 0");
            flags.expect(&[("claimed_xgmi", "1"), ("xgmi", "0")])?;
            check.expect(&[("expected", "0x0"), ("observed", &format!("{hive:#x}"))])
        }
        "pci-identity" => {
            check.expect(&[("expected", "0x1002:0x731f"), ("observed", "0x1002:0x73bf")])
        }
        "bank-count" => check.expect(&[("expected", "1"), ("observed", "listed:2,found:1")]),
        "bank-size" => {
            let bytes = card.get("bank_bytes")?;
            heap.expect(&[("size_bytes", bytes)])?;
            check.expect(&[("bank", "0"), ("observed", bytes)])
        }
        "xgmi" => flags.expect(&[("claimed_xgmi", "1"), ("xgmi", "0")]),
        "host-coherent" => {
            flags.expect(&[("claimed_host_coherent", "1"), ("host_coherent", "0")])?;
            let properties = kfd::node(card.node()).join("properties");
            let capability = kfd::property(&properties, "capability")?;
            check.expect(&[("observed", &format!("{capability:#x}"))])
        }
        "heap-bar" => heap.expect(&[("heap", "fb_public")]),
        _ => Ok(()),
    }
}

/// One card lies and its neighbour does not.
pub fn beside_truth(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=1 lie=bank-flags;slot=2")?;
    guard::load(&ctx.modules)?;
    let (liar, honest) = (TREE.card(1)?, TREE.card(2)?);
    let view = View::read()?;
    view.expect_cards(2)?;
    view.expect_lie(&liar, "bank-flags")?;
    view.expect_truth(&honest)?;
    guard::unload()
}

/// A live property changes while KFD's generation_id stays: every read has to see it.
pub fn fresh_at_every_read(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    let generation = kfd::generation()?;
    for (property, rule, back) in [
        ("bank.flags=1", "bank-flags", "bank.flags=0"),
        (
            "gfx_target_version=100300",
            "gfx-version",
            "gfx_target_version=100100",
        ),
    ] {
        View::read()?.expect_truth(&card)?;
        TREE.set(0, property)?;
        View::read()?.expect_lie(&card, rule)?;
        TREE.set(0, back)?;
        View::read()?.expect_truth(&card)?;
    }
    let after = kfd::generation()?;
    ensure!(
        after == generation,
        "generation_id moved from {generation} to {after}: tried nothing"
    );
    guard::unload()
}
