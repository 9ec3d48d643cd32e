// SPDX-License-Identifier: GPL-2.0

//! Runs the groups of `test` on each kernel.

mod check;
mod failed;
mod kernel_checks;
mod kernel_run;
mod trial;

use std::collections::BTreeMap;

use anyhow::Result;

use crate::accel::Accelerator;
use crate::build::Guest;
use crate::checks::{check_symbols, SYMBOLS};
use crate::context::Context;
use crate::extension::Extension;
use crate::filter::Filter;
use crate::fleet::Fleet;
use crate::kernels::Kernel;
use crate::options::Guests;
use crate::planted::Planting;
use crate::provision;
use crate::suites::Suite;
use crate::tally::Outcome;
pub use failed::unavailable_outcome;
use failed::{give_up, not_run};
pub use kernel_run::{kernel_runs, KernelRun};

/// Runs the groups of each kernel, and reports them.
pub fn run(
    context: &Context,
    guests: &Guests,
    runs: &[KernelRun],
    wanted: &Filter,
    extension: &dyn Extension,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    // Maps each kernel's `uname -r` to the name of its first entry.
    let mut met: BTreeMap<String, String> = BTreeMap::new();
    for run in runs {
        // Two entries can resolve to the same kernel. Find out before preparing anything.
        let mut provision = context.provisioning(run.kernel);
        let ready = provision::stock_abi(&provision).and_then(|abi| {
            let other = abi.as_ref().and_then(|abi| met.get(abi));
            if let (Some(abi), Some(other)) = (&abi, other) {
                return Ok(Err(format!("the same kernel as {other}: {abi}")));
            }
            // `stock_abi` has just updated the entry, so do not ask the mirror again.
            provision.update &= abi.is_none();
            provision::provision(&provision).map(Ok)
        });
        let ready = match ready {
            Ok(Ok(ready)) => ready,
            Ok(Err(why)) => {
                for (group, _) in run.groups() {
                    report(&group, &Outcome::skipped(&*why));
                }
                continue;
            }
            Err(error) => {
                give_up(run, "provision", error, run.groups(), report);
                continue;
            }
        };
        met.insert(ready.choice.abi.clone(), run.kernel.name.clone());
        let accelerator = match run.boots() {
            true => Accelerator::find(&context.cache, &context.ui, &ready.image)?,
            false => Accelerator::emulation(),
        };
        let fleet = Fleet {
            context,
            guests,
            ready: &ready,
            accelerator: &accelerator,
            extension,
        };
        run_on(&fleet, run, wanted, report)?;
        trial::run(&fleet, run.kernel, &run.modules, wanted, report)?;
    }
    Ok(())
}

fn run_on(
    fleet: &Fleet,
    run: &KernelRun,
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    let Fleet { context, ready, .. } = *fleet;
    if run.has(SYMBOLS) {
        if let Some(headers) = &ready.stock_headers {
            let outcome = check_symbols(headers, &ready.object());
            report(&run.name(SYMBOLS), &outcome);
        }
    }
    if run.needs_no_build() {
        return Ok(());
    }
    let needed = run.parts(&context.project.parts);
    let build = || {
        let builder = context.builder(ready)?;
        let products = builder.build(needed.iter().map(|part| &**part))?;
        Ok((builder, products))
    };
    let (builder, products) = match build() {
        Ok(built) => built,
        Err(error) => {
            give_up(run, "build", error, run.own_groups(), report);
            return Ok(());
        }
    };
    for (part, error) in &products.failed {
        report(
            &run.name(&format!("build of {part}")),
            &unavailable_outcome(run.kernel, error),
        );
    }
    kernel_checks::run(&builder, &products, run, report)?;
    // This releases the build lock.
    let (guest, failed) = products.into_guest();
    let mut suites = Vec::new();
    for suite in &run.suites {
        match failed.iter().find(|(part, _)| suite.with.contains(*part)) {
            Some((part, error)) => {
                let outcome = not_run(run.kernel, &format!("build of {part}"), error);
                report(&run.name(&suite.name), &outcome);
            }
            None => suites.push(suite),
        }
    }
    boot_all(fleet, &suites, &guest, run.kernel, wanted, report)
}

fn boot_all(
    fleet: &Fleet,
    suites: &[&Suite],
    guest: &Guest,
    kernel: &Kernel,
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    let Fleet {
        context,
        ready,
        accelerator,
        ..
    } = *fleet;
    let (planted, usual): (Vec<&Suite>, Vec<&Suite>) =
        suites.iter().partition(|suite| suite.planted.is_some());
    if !suites.is_empty() {
        let abi = &ready.choice.abi;
        context.ui.say(format!("booting {abi} with {accelerator}"));
    }
    if !usual.is_empty() {
        // Applies the kernel's settings to each suite, and names it KERNEL:SUITE.
        let usual: Vec<_> = usual.into_iter().map(|suite| kernel.suite(suite)).collect();
        fleet.boot_all(&usual, guest, wanted, report)?;
    }
    for suite in &planted {
        let planting = Planting {
            fleet,
            guest,
            kernel,
            suite,
        };
        let outcome = Outcome::timed(|| {
            let planted = planting.run(wanted);
            Ok(planted.unwrap_or_else(|error| Outcome::of(Err(error))))
        })?;
        report(&format!("{}:{}", kernel.name, suite.name), &outcome);
    }
    Ok(())
}
