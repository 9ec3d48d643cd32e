// SPDX-License-Identifier: GPL-2.0

//! Runs cases one after another, each judged by its own assertions and by what
//! it did to the kernel.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Mutex;

use anyhow::{bail, ensure, Result};
use modproof_guest::held;
use modproof_guest::kmsg::{splats, Kmsg};
use modproof_guest::ktap::Outcome;
use modproof_guest::modules::is_loaded;
use modproof_guest::taint::Taint;
use modproof_guest::{Ctx, Skip};

use crate::cases::Case;
use crate::fixture;
use crate::guard;

/// Where and why the last panic was, put here by the panic hook.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the text of a panic for the result of the case that it ends.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        eprintln!("{info}");
        if let Ok(mut last) = PANIC.lock() {
            last.get_or_insert_with(|| info.to_string());
        }
    }));
}

/// Takes the text of the first panic since the last call.
pub fn take_panic() -> Option<String> {
    PANIC.lock().ok().and_then(|mut last| last.take())
}

/// Runs one case to its outcome.
pub fn run(case: &Case, ctx: &mut Ctx) -> Outcome {
    match run_watched(case, ctx) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

fn run_watched(case: &Case, ctx: &mut Ctx) -> Result<Outcome> {
    ctx.case = case.name;
    let taint = Taint::now()?;
    let mut log = Kmsg::from_now()?;
    let before = held::refcounts()?;
    // Only for the reader of the console log.
    let _ = Kmsg::mark_case(case.name);

    let run = catch_unwind(AssertUnwindSafe(|| (case.run)(ctx)));
    // A panic in a thread of the case counts as well, whether or not the case noticed.
    let mut failures = Vec::from_iter(take_panic());
    let result = run.unwrap_or_else(|_| bail!("the case panicked"));
    let mut skipped = None;
    if let Err(error) = result {
        match error.downcast::<Skip>() {
            Ok(Skip(why)) => skipped = Some(why),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    if !case.keeps_modules || !failures.is_empty() {
        let cleaned = clean_up().and_then(|()| held::expect_refcounts(&before));
        failures.extend(cleaned.err().map(|error| format!("{error:#}")));
    }
    for check in [expect_taint_since(taint), expect_quiet(&mut log)] {
        failures.extend(check.err().map(|error| format!("{error:#}")));
    }
    Ok(match (failures.is_empty(), skipped) {
        (true, None) => Outcome::Passed,
        (true, Some(why)) => Outcome::Skipped(why),
        (false, _) => Outcome::Failed(failures.join("\n")),
    })
}

/// Unloads what a case left behind, so that the next one starts afresh.
fn clean_up() -> Result<()> {
    let mut stuck = Vec::new();
    if is_loaded(guard::NAME) {
        stuck.extend(guard::unload().err());
    }
    for fixture in fixture::ALL {
        if fixture.is_loaded() {
            stuck.extend(fixture.unload().err());
        }
    }
    let stuck: Vec<String> = stuck
        .iter()
        .map(|error| format!("after the case: {error:#}"))
        .collect();
    ensure!(stuck.is_empty(), "{}", stuck.join("\n"));
    Ok(())
}

fn expect_taint_since(before: Taint) -> Result<()> {
    let new = Taint::now()?.unexpected_since(before);
    ensure!(
        new.is_clean(),
        "taint: expected no new bit but O and E, seen {new}"
    );
    Ok(())
}

fn expect_quiet(log: &mut Kmsg) -> Result<()> {
    let lines = log.new_lines()?;
    let splats: Vec<String> = splats(&lines)
        .into_iter()
        .map(|line| format!("seen {line}"))
        .collect();
    ensure!(
        splats.is_empty(),
        "kernel log: expected no complaint\n{}",
        splats.join("\n")
    );
    Ok(())
}
