// SPDX-License-Identifier: GPL-2.0

//! Values that look wrong but are not a lie.

use std::fs;

use anyhow::{Context, Result};
use modproof_guest::Ctx;

use crate::fixture::{Card, TREE};
use crate::guard;
use crate::truth::View;

/// KFD publishes a node before it has filled it, so a zero makes a rule `unknown`.
pub fn zero_is_unknown(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    let before = guard::counters()?;
    TREE.set(0, "gfx_target_version=0")?;
    let view = View::read()?;
    let check = view
        .checks
        .one(&[("gpu", card.gpu()), ("rule", "gfx-version")])?;
    check.expect(&[("verdict", "unknown"), ("observed", "0")])?;
    view.checks.expect_none(&[("verdict", "lie")])?;
    view.gpus
        .one(&[("gpu", card.gpu())])?
        .expect(&[("verdict", "unknown")])?;
    view.heaps
        .one(&[("gpu", card.gpu())])?
        .expect(&[("verdict", "unknown")])?;
    before.expect_rise(&guard::counters()?, &["retries"], 1)?;
    TREE.set(0, "gfx_target_version=100100")?;
    View::read()?.expect_truth(&card)?;
    guard::unload()
}

/// amdgpu can be told to use less of the BAR; a card that claims less than it has does not lie.
pub fn private_heap_behind_large_bar(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0 bar=large")?;
    guard::load(&ctx.modules)?;
    TREE.set(0, "bank.heap_type=2")?;
    expect_private(&TREE.card(0)?, "large", 8 << 30, ("truth", "-"))?;
    guard::unload()
}

/// The BAR is resized after KFD has published the heap.
pub fn resized_bar(ctx: &mut Ctx) -> Result<()> {
    // The PCI core refuses to resize a BAR while a driver is bound.
    TREE.load(&ctx.modules, "slot=0 bar=small driver=0")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    resize_step_by_step(&card)?;
    guard::unload()
}

/// Resizes BAR0 from small to large; KFD's node stays as it was published.
pub fn resize_step_by_step(card: &Card) -> Result<()> {
    // No driver is bound during a resize, so KFD's node may belong to an earlier bind.
    let unknown = ("unknown", "pci-identity,bank-size,heap-bar");
    expect_private(card, "small", 256 << 20, unknown)?;
    // The value is the exponent of the size in MiB (a power of two).
    for (value, bar, bytes) in [("10", "partial", 1 << 30), ("13", "large", 8 << 30)] {
        let resize = format!("/sys/bus/pci/devices/{}/resource0_resize", card.gpu());
        fs::write(&resize, value).with_context(|| format!("write {value} to {resize}"))?;
        expect_private(card, bar, bytes, unknown)?;
    }
    Ok(())
}

fn expect_private(card: &Card, bar: &str, bytes: u64, verdict: (&str, &str)) -> Result<()> {
    let (verdict, rules) = verdict;
    let view = View::read()?;
    view.expect_cards(1)?;
    view.gpus.one(&[("gpu", card.gpu())])?.expect(&[
        ("bar", bar),
        ("bar0_bytes", &bytes.to_string()),
        ("verdict", verdict),
    ])?;
    let heap = view.heaps.one(&[("gpu", card.gpu())])?;
    heap.expect(&[
        ("heap", "fb_private"),
        ("verdict", verdict),
        ("rules", rules),
    ])?;
    view.checks
        .one(&[("rule", "heap-bar")])?
        .expect(&[("verdict", verdict)])
}

/// A node claims to be a Navi10, but the PCI function there is another, which amdgpu does not
/// drive. The node may belong to an earlier card at that address, so its verdict is `unknown`.
pub fn node_at_wrong_address(ctx: &mut Ctx) -> Result<()> {
    const ELSEWHERE: &str = "0000:00:01.0";
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    TREE.set(0, "domain=0")?;
    // Not 0, which would mean that KFD has not filled the node yet.
    TREE.set(0, "location_id=8")?;
    let view = View::read()?;

    view.gpus.expect_count(1)?;
    view.expect_absent(card.gpu())?;
    view.checks.expect_none(&[("verdict", "lie")])?;
    let check = view
        .checks
        .one(&[("gpu", ELSEWHERE), ("rule", "pci-identity")])?;
    check.expect(&[("node", card.node()), ("verdict", "unknown")])?;
    check.expect(&[("observed", "0x1002:0x731f")])?;
    view.heaps
        .one(&[("gpu", ELSEWHERE)])?
        .expect(&[("verdict", "unknown")])?;
    guard::unload()
}
