// SPDX-License-Identifier: GPL-2.0

//! `make demo`: a card as the stock KFD publishes it, read by the module.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{anyhow, bail, ensure, Context, Result};
use modproof_guest::kmsg::Kmsg;
use modproof_guest::modules::is_loaded;
use modproof_guest::taint::Taint;
use modproof_guest::{Case, Ctx};

use super::lies;
use super::stock::{amdgpu_references, need_amdgpu};
use crate::fixture::{Card, STOCK};
use crate::guard;
use crate::rocr;
use crate::truth::View;

/// The suite behind `make demo`: one load and one unload, judged in two steps.
pub const CASES: &[Case] = &[
    Case::keeping_modules("demo-shows-card", demo_shows_card),
    Case::new("demo-unload-leaves-nothing", demo_unload_leaves_nothing),
];

/// The same, and what AMD's runtime makes of the lie.
pub const WITH_POOLS: &[Case] = &[
    Case::keeping_modules("demo-shows-card", demo_shows_card),
    Case::new("demo-unload-leaves-nothing", demo_unload_leaves_nothing),
    Case::new("demo-shows-pools", demo_shows_pools),
];

/// The word that names the rule that the card breaks.
pub const LIE: &str = "lie";
/// The page that shows what the demo prints.
const README: &str = include_str!("../../../../README.md");
/// Its value for a card that breaks none.
const NO_LIE: &str = "none";

/// References on amdgpu before the load: the unload is another case.
static REFERENCES_BEFORE: Mutex<Option<u64>> = Mutex::new(None);

fn references_before() -> MutexGuard<'static, Option<u64>> {
    REFERENCES_BEFORE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn lie(ctx: &Ctx) -> Option<&str> {
    ctx.options.word(LIE).filter(|rule| *rule != NO_LIE)
}

fn demo_shows_card(ctx: &mut Ctx) -> Result<()> {
    let card = publish(ctx)?;
    load(ctx)?;
    for file in guard::FILES {
        let text = guard::text(file)?;
        ctx.show(&format!(
            "\n$ sudo cat {}\n{text}",
            guard::path(file).display()
        ))?;
    }
    let view = View::read()?;
    view.expect_cards(1)?;
    match lie(ctx) {
        None => view.expect_truth(&card),
        Some(rule) => {
            view.expect_lie(&card, rule)?;
            lies::expect_raw(&view, &card, rule)
        }
    }
}

fn demo_unload_leaves_nothing(ctx: &mut Ctx) -> Result<()> {
    // Nothing is loaded if this is run alone, or if the first step has failed.
    if !is_loaded(guard::NAME) {
        publish(ctx)?;
        load(ctx)?;
    }
    let before = references_before()
        .take()
        .context("references before the load")?;
    let mut log = ctx.log_from_now()?;
    ctx.show(&format!("\n$ sudo rmmod {}\n", guard::NAME))?;
    guard::unload()?;
    show_log(ctx, &mut log)?;
    let after = amdgpu_references()?;
    let taint = Taint::now()?;
    let path = guard::dir();
    ctx.show(&format!(
        "\n# After the unload:\n\
         # {} is gone\n\
         # taint {taint}, at boot {}; O and E come with any out-of-tree, unsigned module\n\
         # amdgpu refcount {before} before the load, {after} after the unload\n",
        path.display(),
        ctx.boot_taint,
    ))?;
    let new = taint.unexpected_since(ctx.boot_taint);
    ensure!(
        new.is_clean(),
        "taint: expected no new bit but O and E, seen {new}"
    );
    ensure!(
        before == after,
        "amdgpu refcount: expected {before}, seen {after}"
    );
    guard::expect_gone()
}

/// Two lists side by side: of the honest card, and of the one that KFD lies about. README.md shows
/// them.
fn demo_shows_pools(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    let lie = lie(ctx).context("there is no lie to show")?.to_owned();
    let mut lists = Vec::new();
    for (title, lie) in [("an honest card", NO_LIE), ("KFD lies about it", &lie)] {
        STOCK.add(0, &format!("board=5700xt bar=large lie={lie}"))?;
        let agents = rocr::rocminfo::ask(&[])?.map_err(|failure| anyhow!("rocminfo {failure}"))?;
        let [agent] = agents.as_slice() else {
            bail!("expected one GPU, rocminfo shows {agents:?}");
        };
        let pools = agent.pools.iter();
        let pools = pools.map(|pool| format!("{:<22}{} KB", pool.grain, pool.kib));
        let mut list = vec![title.to_owned(), agent.name.clone()];
        list.extend(pools);
        lists.push(list);
        STOCK.remove(0)?;
    }
    let [honest, lying] = lists.as_slice() else {
        bail!("there are not two lists");
    };
    let line = |number| {
        let of = |list: &Vec<String>| list.get(number).cloned().unwrap_or_default();
        format!("# {:<36}{}", of(honest), of(lying))
            .trim_end()
            .to_owned()
    };
    let lines: Vec<_> = (0..honest.len().max(lying.len())).map(line).collect();
    let text = lines.join("\n");
    ctx.show(&format!(
        "\n# The VRAM that rocminfo {} lists, without and with the lie {lie}:\n#\n{text}\n",
        rocr::version("rocminfo")?
    ))?;
    ensure!(README.contains(&text), "README.md shows other lists");
    Ok(())
}

/// Has the stock KFD publish the card, true or with the lie asked for.
fn publish(ctx: &mut Ctx) -> Result<Card> {
    ctx.show("# Loading the stock amdgpu.ko; under emulation this takes up to a minute.\n")?;
    need_amdgpu(ctx)?;
    let rule = lie(ctx);
    let lie = rule.unwrap_or(NO_LIE);
    let mut log = ctx.log_from_now()?;
    STOCK.load(&ctx.modules, "")?;
    // That the heap is public is a lie only where the BAR is small.
    let bar = if lie == "heap-bar" { "small" } else { "large" };
    let added = STOCK.add(0, &format!("board=5700xt bar={bar} lie={lie}"));
    let card = added.with_context(|| {
        let lines = log.new_lines().unwrap_or_default().join("\n");
        format!("add a card with lie={lie}; the kernel log says\n{lines}")
    })?;
    let truly = match rule {
        None => "as it is".into(),
        Some(lie) => format!("with a lie that breaks the rule {lie}"),
    };
    ctx.show(&format!(
        "# Its KFD now publishes a virtual RX 5700 XT, {truly}.\n\n"
    ))?;
    Ok(card)
}

fn load(ctx: &mut Ctx) -> Result<()> {
    *references_before() = Some(amdgpu_references()?);
    let mut log = ctx.log_from_now()?;
    ctx.show(&format!("$ sudo insmod {}.ko\n", guard::NAME))?;
    guard::load(&ctx.modules)?;
    show_log(ctx, &mut log)
}

fn show_log(ctx: &mut Ctx, log: &mut Kmsg) -> Result<()> {
    let lines = log.new_lines()?;
    let ours: Vec<_> = lines
        .iter()
        .filter(|line| line.contains(guard::NAME))
        .collect();
    if !ours.is_empty() {
        ctx.show(&format!("$ sudo dmesg | grep {}\n", guard::NAME))?;
    }
    ours.iter()
        .try_for_each(|line| ctx.show(&format!("{line}\n")))
}
