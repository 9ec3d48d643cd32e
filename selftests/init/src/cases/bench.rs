// SPDX-License-Identifier: GPL-2.0

//! Measures the cost of the module in instructions. The host compares the figures with its record
//! and decides whether they are too high.

use anyhow::Result;
use modproof_guest::count::Counter;
use modproof_guest::{Case, Ctx};

use super::requests::gpu_id;
use super::stock::need_amdgpu;
use crate::fixture::{Fixture, STOCK, TREE};
use crate::guard;

mod growth;
mod load;
mod programs;
mod reads;
mod requests;

/// `make bench`: all measurements, beside the stock amdgpu.ko.
pub const CASES: &[Case] = &[
    Case::new("reads", reads),
    Case::new("programs", programs),
    Case::new("load", load),
    Case::new("requests-unwatched", |ctx| {
        let gpu_id = one_card(ctx)?;
        requests::unwatched(ctx, gpu_id)
    }),
    Case::new("requests-by-tracefs", |ctx| {
        let gpu_id = one_card(ctx)?;
        requests::by_tracefs(ctx, gpu_id)
    }),
    Case::new("requests-by-bpftrace", |ctx| {
        let gpu_id = one_card(ctx)?;
        requests::by_bpftrace(ctx, gpu_id)
    }),
    Case::new("requests-by-rdna1ctl", |ctx| {
        let gpu_id = one_card(ctx)?;
        requests::by_rdna1ctl(ctx, gpu_id)
    }),
    Case::new("cards", cards),
];

/// The short measurement of `make test`: only the main reads.
pub const GUARD: &[Case] = &[Case::new("main-reads", main_reads)];

fn main_reads(ctx: &mut Ctx) -> Result<()> {
    steady_reads(ctx, TREE).map(drop)
}

fn reads(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    let counter = steady_reads(ctx, STOCK)?;
    guard::unload()?;
    reads::parts(ctx, &counter, &reads::behind_heaps()?)?;
    reads::first(ctx, &counter)
}

fn steady_reads(ctx: &mut Ctx, fixture: Fixture) -> Result<Counter> {
    let counter = Counter::new()?;
    ctx.note(reads::overhead_line(&counter));
    fixture.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    reads::steady(ctx, &counter)?;
    Ok(counter)
}

fn programs(ctx: &mut Ctx) -> Result<()> {
    one_card(ctx)?;
    guard::load(&ctx.modules)?;
    programs::count(ctx, &reads::behind_heaps()?)
}

fn load(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    let counter = Counter::new()?;
    load::sample(ctx, &counter)?;
    load::ours(ctx, &counter, "no-card")?;
    STOCK.load(&ctx.modules, "slot=0")?;
    load::ours(ctx, &counter, "one-card")
}

fn cards(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    let counter = Counter::new()?;
    growth::cards(ctx, &counter)
}

fn one_card(ctx: &mut Ctx) -> Result<u32> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    gpu_id(&STOCK.card(0)?)
}
