// SPDX-License-Identifier: GPL-2.0

//! Tests the module beside the distribution's own (stock) amdgpu.ko and its KFD.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{ensure, Result};
use modproof_guest::kmsg::expect_line;
use modproof_guest::modules::{is_loaded, refcount};
use modproof_guest::Ctx;
use nix::errno::Errno;

use super::lifecycle::expect_refused;
use super::readers::{expect_both_met, while_reading};
use super::{cards, fixture_moments, fixture_words, lies, paths, trouble};
use crate::fixture::{Card, STOCK, TREE};
use crate::guard;
use crate::kfd;
use crate::truth::View;

const AMDGPU: &str = "amdgpu";

/// Loads amdgpu.ko unless it is already loaded.
pub fn need_amdgpu(ctx: &Ctx) -> Result<()> {
    if !is_loaded(AMDGPU) {
        ensure!(
            ctx.modules.has_stock(AMDGPU),
            "the initramfs has no stock amdgpu.ko"
        );
        ctx.modules.load_stock(AMDGPU)?;
    }
    Ok(())
}

/// amdgpu.ko's reference count.
pub fn amdgpu_references() -> Result<u64> {
    refcount(AMDGPU)
}

/// The module is loaded first, then amdgpu, then a card appears.
pub fn loaded_before_amdgpu(ctx: &mut Ctx) -> Result<()> {
    ensure!(
        !is_loaded(AMDGPU),
        "amdgpu is loaded: this case has to be the first"
    );
    guard::load(&ctx.modules)?;
    guard::expect_header_only()?;
    need_amdgpu(ctx)?;
    guard::expect_header_only()?;
    STOCK.load(&ctx.modules, "slot=0")?;
    let view = View::read()?;
    view.expect_cards(1)?;
    view.expect_truth(&STOCK.card(0)?)?;
    guard::unload()
}

pub fn no_card(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    let mut log = ctx.log_from_now()?;
    guard::load(&ctx.modules)?;
    expect_line(&log.new_lines()?, &[guard::NAME, "no 0x731f card"])?;
    guard::expect_files()?;
    guard::expect_header_only()?;
    guard::unload()
}

pub fn truth_5700xt_large(ctx: &mut Ctx) -> Result<()> {
    truth(ctx, "board=5700xt bar=large")
}

pub fn truth_5700xt_small(ctx: &mut Ctx) -> Result<()> {
    truth(ctx, "board=5700xt bar=small")
}

pub fn truth_5600xt_large(ctx: &mut Ctx) -> Result<()> {
    truth(ctx, "board=5600xt bar=large")
}

pub fn truth_5600xt_small(ctx: &mut Ctx) -> Result<()> {
    truth(ctx, "board=5600xt bar=small")
}

fn truth(ctx: &mut Ctx, words: &str) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    cards::truth_of(ctx, STOCK, words)
}

pub fn lie_bank_flags(ctx: &mut Ctx) -> Result<()> {
    lie(ctx, "bank-flags")
}

pub fn lie_gfx_version(ctx: &mut Ctx) -> Result<()> {
    lie(ctx, "gfx-version")
}

fn lie(ctx: &mut Ctx, rule: &str) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    lies::lie_of(STOCK, rule, "large")?;
    guard::unload()
}

/// The tree fixture cannot load beside amdgpu, and amdgpu cannot be unloaded under a card.
pub fn fixtures_keep_apart(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    expect_refused(TREE.load(&ctx.modules, ""), Errno::EBUSY)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    expect_refused(ctx.modules.unload(AMDGPU), Errno::EAGAIN)
}

/// Loading, reading and unloading leave amdgpu's reference count unchanged.
pub fn holds_no_reference(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    let before = amdgpu_references()?;
    ctx.note(format!(
        "amdgpu has {before} references, one of them the fixture's"
    ));
    let unchanged = |when: &str| {
        let now = amdgpu_references()?;
        ensure!(
            now == before,
            "amdgpu's references {when}: expected {before}, seen {now}"
        );
        Ok(())
    };
    for _ in 0..3 {
        guard::load(&ctx.modules)?;
        unchanged("after the load")?;
        View::read()?;
        unchanged("after reading")?;
        guard::unload()?;
        unchanged("after the unload")?;
    }
    Ok(())
}

pub fn atomics_of_the_path(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    paths::atomics_of(ctx, STOCK)
}

/// In sysfs, the fixture's driver has the name amdgpu, beside the real driver.
pub fn fixture_driver(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    fixture_words::drivers_files(STOCK)?;
    fixture_moments::nodes_outlive(STOCK)?;
    fixture_moments::asleep(ctx, STOCK, "")?;
    STOCK.remove(0)?;
    STOCK.add(1, "")?;
    fixture_moments::probe_held(STOCK)?;
    STOCK.unload()
}

/// The real KFD and XGMI code accept the other boards.
pub fn fixture_other_gpus(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    fixture_words::boards(ctx, STOCK)?;
    STOCK.unload()
}

/// The stock KFD cannot be stopped halfway, so the fixture must refuse `hold=`.
pub fn fixture_holds_no_card(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    trouble::expect_nonsense(ctx, STOCK, "add slot=0 hold=fill", "hold=")
}

/// Lets amdgpu probe the card and reads `gpus` meanwhile. Returns each driver and reason that
/// `gpus` showed: during a probe, the module must not blame AtomicOps.
fn while_probed(card: &Card) -> Result<BTreeSet<String>> {
    let probed = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // The result of the write depends on the kernel; the result of the probe does not.
            let _ = fs::write("/sys/bus/pci/drivers_probe", card.gpu());
            probed.store(true, Ordering::SeqCst);
        });
        let mut seen = BTreeSet::new();
        while !probed.load(Ordering::SeqCst) {
            let gpus = guard::read("gpus")?;
            let gpu = gpus.one(&[("gpu", card.gpu()), ("kfd", "absent")])?;
            let (driver, reason) = (gpu.get("driver")?, gpu.get("reason")?);
            // `-` before and after the probe.
            if driver != "-" {
                seen.insert(format!("{driver} {reason}"));
            }
            thread::yield_now();
        }
        Ok(seen)
    })
}

/// amdgpu probes the card, finds that it does not work, and releases it; KFD never lists it.
pub fn probed_in_vain(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    let before = guard::counters()?;
    let card = STOCK.add(0, "probe=1 atomics=0")?;
    let mut log = ctx.log_from_now()?;
    let meanwhile = while_probed(&card)?;
    ensure!(
        meanwhile.iter().eq(["amdgpu unknown"]),
        "while amdgpu probed: expected driver and reason amdgpu unknown, seen {meanwhile:?}"
    );
    expect_line(&log.new_lines()?, &[AMDGPU, card.gpu(), "Fatal error"])?;
    ensure!(
        kfd::pci_driver(card.gpu())?.is_none(),
        "amdgpu has kept the card: tried nothing"
    );

    let view = View::read()?;
    view.gpus.expect_count(1)?;
    let gpu = view.gpus.one(&[("gpu", card.gpu())])?;
    gpu.expect(&[("driver", "-"), ("reason", "no-driver")])?;
    view.expect_absent(card.gpu())?;
    let lies = before.rise(&guard::counters()?, &["lie"]);
    ensure!(lies == 0, "expected no lie counted, seen {lies}");
    STOCK.remove(0)?;
    guard::expect_header_only()?;
    guard::unload()
}

pub fn vanishing_node(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    trouble::come_and_go(ctx, STOCK, 10)
}

/// amdgpu is unloaded under readers while the module stays; its files then have no records.
pub fn amdgpu_removed(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    View::read()?.expect_truth(&STOCK.card(0)?)?;
    let reads = while_reading(|readers| {
        readers.let_all_read()?;
        STOCK.unload()?;
        ctx.modules.unload(AMDGPU)?;
        readers.let_all_read()
    })?;
    ctx.note(format!("reads with a card/all meanwhile: {reads:?}"));
    expect_both_met(&reads)?;
    ensure!(!is_loaded(AMDGPU), "amdgpu is still loaded");
    guard::expect_files()?;
    guard::expect_header_only()?;
    guard::unload()
}
