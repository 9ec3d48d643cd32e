// SPDX-License-Identifier: GPL-2.0

//! A driver's probe hangs in a rescan of the bus. It holds the lock that every other rescan and
//! removal takes, so the module must not need that lock.

use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::child::Helper;
use modproof_guest::modules;
use modproof_guest::Ctx;

use crate::counters::Counters;
use crate::fixture::TREE;
use crate::guard;
use crate::report::Report;
use crate::truth::View;

/// A read takes milliseconds; the margin is for a slow, busy host.
const RETURNS_WITHIN: Duration = Duration::from_secs(20);

/// The record files that need nothing from the device in the probe.
const FREE: [&str; 3] = ["heaps", "flags", "checks"];

/// Reads about another card return, and so does the unload.
pub fn files_and_unload(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=1 board=5600xt")?;
    guard::load(&ctx.modules)?;
    let card = TREE.add(0, "hold=probe")?;
    ensure!(
        card.get("hold")? == "probe",
        "the fixture does not hold the probe"
    );
    let mut stuck = Vec::new();
    let tried = while_it_hangs(&mut stuck);
    let released = TREE.control("release slot=0");
    // A helper that waited continues now; it must end before the next case.
    for helper in &mut stuck {
        helper.finish().context("after the release")?;
    }
    tried?;
    released?;
    guard::load(&ctx.modules)?;
    let view = View::read()?;
    view.expect_cards(2)?;
    for slot in [0, 1] {
        view.expect_truth(&TREE.card(slot)?)?;
    }
    guard::unload()
}

fn while_it_hangs(stuck: &mut Vec<Helper>) -> Result<()> {
    let other = TREE.card(1)?;
    for file in FREE {
        let text = returned(stuck, Helper::reading(&guard::path(file))?, file)?;
        let report = Report::parse(file, &text)?;
        report.expect_none(&[("verdict", "lie")])?;
        ensure!(
            !report
                .select(&[("gpu", other.gpu()), ("verdict", "truth")])
                .is_empty(),
            "{file}: expected the truth of {}\n{}",
            other.gpu(),
            report.text
        );
    }
    Counters::parse(&returned(
        stuck,
        Helper::reading(&guard::path("counters"))?,
        "counters",
    )?)?;
    returned(stuck, Helper::unloading(guard::NAME)?, "the unload")?;
    modules::expect_gone(guard::NAME)
}

fn returned(stuck: &mut Vec<Helper>, mut helper: Helper, what: &str) -> Result<String> {
    match helper.finish_within(RETURNS_WITHIN)? {
        Some(text) => Ok(text),
        None => {
            stuck.push(helper);
            bail!(
                "{what} did not return within {} s, while a probe hangs",
                RETURNS_WITHIN.as_secs()
            )
        }
    }
}
