// SPDX-License-Identifier: GPL-2.0

//! The module keeps KFD's files open between reads: nobody may notice.

use anyhow::{ensure, Context, Result};

use crate::child::{read_from, Place};
use crate::confine::Denied;
use crate::ctx::Ctx;
use crate::fixture::{STOCK, TREE};
use crate::guard;
use crate::kfd;
use crate::truth::View;

use super::stock::need_amdgpu;

/// So often that all is kept that will be.
fn read_often() -> Result<View> {
    View::read()?;
    View::read()
}

/// KFD counts no change, and the very next read shows it, whichever file it is.
pub fn change_without_generation(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    let view = read_often()?;
    view.expect_truth(&card)?;
    let gpu = [("gpu", card.gpu())];
    let clock: u64 = view.heaps.one(&gpu)?.get("mem_clk_max_mhz")?.parse()?;
    let generation = kfd::generation()?;
    for clock in [clock + 1, clock] {
        TREE.set(0, &format!("bank.mem_clk_max={clock}"))?;
        let clock = clock.to_string();
        guard::read("heaps")?
            .one(&gpu)?
            .expect(&[("mem_clk_max_mhz", &clock), ("verdict", "truth")])?;
    }
    for file in ["heaps", "gpus", "flags", "checks"] {
        TREE.set(0, "bank.flags=1")?;
        let report = guard::read(file)?;
        let lies = report.select(&[("gpu", card.gpu()), ("verdict", "lie")]);
        ensure!(!lies.is_empty(), "{file} shows no lie\n{}", report.text);
        TREE.set(0, "bank.flags=0")?;
        let report = guard::read(file)?;
        let lies = report.select(&[("gpu", card.gpu()), ("verdict", "lie")]);
        ensure!(lies.is_empty(), "{file} still shows a lie\n{}", report.text);
    }
    ensure!(
        kfd::generation()? == generation,
        "KFD has counted a change: tried nothing"
    );
    read_often()?.expect_truth(&card)?;
    guard::unload()
}

/// A card goes, and another comes to where it was.
pub fn another_card_in_its_place(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=1")?;
    guard::load(&ctx.modules)?;
    for round in 0..3 {
        for words in ["rev=0xc1 bar=large", "rev=0xc4 bar=small"] {
            let card = TREE.add(0, words)?;
            let view = read_often()?;
            view.expect_cards(2)?;
            view.expect_truth(&card)
                .with_context(|| format!("round {round}, {words}"))?;
            let revision = card.get("rev")?;
            view.gpus
                .one(&[("gpu", card.gpu())])?
                .expect(&[("revision", revision), ("bar", card.get("bar")?)])?;
            TREE.remove(0)?;
        }
        read_often()?.expect_cards(1)?;
    }
    guard::unload()
}

/// Who may not read sees nothing of what others have read, and takes nothing from them.
pub fn refused_among_others(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    let group = Denied::by_bpf()?;
    let procs = group.procs();
    for _ in 0..3 {
        read_often()?.expect_truth(&card)?;
        let refused = View::read_with(|file| read_from(Place::Cgroup(&procs), file))?;
        refused.expect_unjudged(card.gpu())?;
        // At once, and not only after one that finds out.
        View::read()?.expect_truth(&card)?;
    }
    guard::unload()
}

/// amdgpu goes although its files have been read, and nobody reads any more who could notice.
pub fn amdgpu_goes(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    guard::load(&ctx.modules)?;
    for _ in 0..2 {
        need_amdgpu(ctx)?;
        STOCK.load(&ctx.modules, "slot=0")?;
        let card = STOCK.card(0)?;
        read_often()?.expect_truth(&card)?;
        STOCK.unload()?;
        ctx.modules.unload("amdgpu")?;
        guard::expect_header_only()?;
    }
    guard::unload()
}
