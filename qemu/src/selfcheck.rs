// SPDX-License-Identifier: GPL-2.0

//! Checks of the harness itself, with guests.

use anyhow::{Context as _, Result};

use crate::kernels::Kernel;
use crate::run::{self, Log};
use crate::tally::Outcome;
use crate::Context;

/// The group's name, and what it shows.
pub const GROUP: (&str, &str) = (
    "harness",
    "saved guests that are bad, interrupts, and two runs at once",
);

/// Checks it on the first kernel, or on the one that the user names.
pub fn check(context: &Context) -> Result<Outcome> {
    let kernel = context.kernel()?;
    if !kernel.is_stock() {
        let why = format!(
            "{} has no stock modules: no guest of it is saved",
            kernel.name
        );
        return Ok(Outcome::skipped(why));
    }
    // The log is read again: another run must not write to it meanwhile.
    let _lock = context.cache.exclusive(&context.ui, GROUP.0)?;
    let log = context.cache.root().join("runs/host/harness.log");
    let mut outcome = Outcome::of(check_promises(context, kernel, &Log::create(log.clone())?));
    outcome.log = Some(log);
    Ok(outcome)
}

fn check_promises(context: &Context, kernel: &Kernel, log: &Log) -> Result<String> {
    // What the script's own cache borrows must be there, and nobody may hold it.
    drop(context.builder(&context.provision(kernel)?).build()?);
    let activity = context
        .ui
        .begin("harness: what it promises of saved guests");
    let mut command = run::dying_with_us(context.repo.join("qemu/check-harness.sh"));
    command
        .arg(std::env::current_exe().context("our own program is gone")?)
        .arg(&context.repo)
        .arg(context.cache.root())
        .arg(&kernel.name);
    run::logged(&mut command, log, Some(&activity))?;
    activity.done("");
    Ok(String::new())
}
