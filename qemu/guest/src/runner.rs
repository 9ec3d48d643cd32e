// SPDX-License-Identifier: GPL-2.0

//! Runs a case, and judges it by its own assertions and by its effects on the kernel.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Mutex;

use anyhow::{bail, ensure, Context, Result};

use crate::case::Case;
use crate::ctx::Ctx;
use crate::held;
use crate::kmsg::{splats, Kmsg};
use crate::ktap::Outcome;
use crate::skip::Skip;
use crate::taint::Taint;

/// The place and text of the last panic, from the panic hook.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the text of a panic for the result of its case.
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

/// A step of a suite: a case, or the library's search for leaks.
pub struct Step<'a> {
    /// Its name.
    pub name: &'static str,
    /// Whether its modules stay, if it passes.
    pub keeps_modules: bool,
    /// The test itself.
    pub work: &'a dyn Fn(&mut Ctx) -> Result<()>,
}

impl<'a> Step<'a> {
    /// The step that runs a case.
    pub fn of(case: &'a Case) -> Self {
        Self {
            name: case.name,
            keeps_modules: case.keeps_modules,
            work: &case.run,
        }
    }
}

/// Runs a step and judges it. `clean_up` unloads the modules that the step left loaded.
pub fn run(step: &Step<'_>, ctx: &mut Ctx, clean_up: fn() -> Result<()>) -> Outcome {
    match run_watched(step, ctx, clean_up) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

fn run_watched(step: &Step<'_>, ctx: &mut Ctx, clean_up: fn() -> Result<()>) -> Result<Outcome> {
    ctx.case = step.name;
    let taint = Taint::now()?;
    let mut log = Kmsg::from_now()?;
    let before = held::refcounts()?;
    // Only for the reader of the console log.
    let _ = Kmsg::mark_case(step.name);

    let run = catch_unwind(AssertUnwindSafe(|| (step.work)(ctx)));
    // A panic in a thread of the case counts, too, even if the case itself goes on.
    let mut failures = Vec::from_iter(take_panic());
    let result = run.unwrap_or_else(|_| bail!("the case panicked"));
    let mut skipped = None;
    if let Err(error) = result {
        match error.downcast::<Skip>() {
            Ok(Skip(why)) => skipped = Some(why),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    if !step.keeps_modules || !failures.is_empty() {
        let cleaned = clean_up().context("after the case");
        let cleaned = cleaned.and_then(|()| held::expect_refcounts(&before));
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
