// SPDX-License-Identifier: GPL-2.0

//! Reads about a runtime-suspended card must not wake it.

use anyhow::{ensure, Context, Result};
use modproof_guest::Ctx;

use crate::fixture::TREE;
use crate::guard;
use crate::report::Record;
use crate::truth::View;

/// The facts that are only in the configuration space of the card or of the ports above it, with
/// the values that `gpus` shows while the card sleeps.
const UNKNOWN: [(&str, &str); 6] = [
    ("link_gts", "?"),
    ("link_width", "?"),
    ("link_gts_max", "?"),
    ("link_width_max", "?"),
    ("atomics", "unknown"),
    ("power", "asleep"),
];

/// Reads every file and reloads the module; neither may wake the card.
pub fn reads_wake_nothing(ctx: &mut Ctx) -> Result<()> {
    for words in ["", "path=switch bar=small"] {
        TREE.load(&ctx.modules, "slot=1 board=5600xt")?;
        guard::load(&ctx.modules)?;
        TREE.add(0, words)?;
        expect_asleep(ctx).with_context(|| format!("a card of the words {words:?}"))?;
        guard::unload()?;
        TREE.unload()?;
    }
    Ok(())
}

fn expect_asleep(ctx: &Ctx) -> Result<()> {
    let card = TREE.card(0)?;
    let gpu = [("gpu", card.gpu())];
    let awake = View::read()?;
    let awake = awake.gpus.one(&gpu)?;
    awake.expect(&[("verdict", "truth")])?;

    TREE.control("sleep slot=0")?;
    for _ in 0..3 {
        for file in guard::FILES {
            guard::text(file)?;
        }
    }
    let view = View::read()?;
    expect_untouched("after reads")?;
    let asleep = view.gpus.one(&gpu)?;
    asleep.expect(&UNKNOWN)?;
    expect_same(awake, asleep, |key| {
        UNKNOWN.iter().any(|(known, _)| key == *known)
    })?;
    // The other card is awake: its facts must be complete.
    view.expect_truth(&TREE.card(1)?)?;
    guard::unload()?;
    guard::load(&ctx.modules)?;
    View::read()?.gpus.one(&gpu)?.expect(&UNKNOWN)?;
    expect_untouched("after a load")?;

    TREE.control("wake slot=0")?;
    let view = View::read()?;
    view.gpus.one(&gpu)?.expect(&[("power", "active")])?;
    expect_same(awake, view.gpus.one(&gpu)?, |_| false)?;
    view.expect_truth(&TREE.card(0)?)
}

fn expect_untouched(when: &str) -> Result<()> {
    let card = TREE.card(0)?;
    let [resumes, touched] = ["resumes", "touched"].map(|key| card.get(key));
    let (resumes, touched) = (resumes?, touched?);
    ensure!(
        (resumes, touched) == ("0", "0"),
        "{when}: a sleeping card was resumed {resumes} times, \
         and its configuration space accessed {touched} times"
    );
    Ok(())
}

/// Demands that only values whose keys match `but` have changed.
fn expect_same(before: &Record, after: &Record, but: impl Fn(&str) -> bool) -> Result<()> {
    for (key, value) in before.pairs().filter(|(key, _)| !but(key)) {
        // `atomics_hop` explains `atomics`, and is unknown with it.
        if key == "atomics_hop" && after.get("atomics")? == "unknown" {
            continue;
        }
        after.expect(&[(key, value)])?;
    }
    Ok(())
}
