// SPDX-License-Identifier: GPL-2.0

//! What `test` does for each kernel.

mod check;
mod row;
mod trial;

use std::collections::BTreeMap;

use anyhow::{anyhow, Error, Result};

use crate::accel::Accelerator;
use crate::build::{Builder, Guest, Products};
use crate::checks::{check_module, check_symbols, LINT, MODULE, SYMBOLS};
use crate::extension::Extension;
use crate::filter::Filter;
use crate::fleet::Fleet;
use crate::kernels::Kernel;
use crate::planted::Planting;
use crate::provision;
use crate::suites::Suite;
use crate::tally::Outcome;
use crate::{Context, Guests};
pub use row::{rows, Row};
use trial::Trial;

/// Does it all.
pub fn run(
    context: &Context,
    guests: &Guests,
    rows: &[Row],
    wanted: &Filter,
    extension: &dyn Extension,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    // Which kernel was met under which name.
    let mut met: BTreeMap<String, String> = BTreeMap::new();
    for row in rows {
        // Two entries can come to the same kernel: that is known before anything is prepared.
        let mut provision = context.provisioning(row.kernel);
        let ready = provision::stock_abi(&provision).and_then(|abi| {
            let other = abi.as_ref().and_then(|abi| met.get(abi));
            if let (Some(abi), Some(other)) = (&abi, other) {
                return Ok(Err(format!("the same kernel as {other}: {abi}")));
            }
            // The mirror was asked for the newest just now.
            provision.update &= abi.is_none();
            provision::provision(&provision).map(Ok)
        });
        let ready = match ready {
            Ok(Ok(ready)) => ready,
            Ok(Err(why)) => {
                for (group, _) in row.groups() {
                    report(&group, &Outcome::skipped(&*why));
                }
                continue;
            }
            Err(error) => {
                give_up(row, "provision", error, row.groups(), report);
                continue;
            }
        };
        met.insert(ready.choice.abi.clone(), row.kernel.name.clone());
        let fleet = Fleet {
            context,
            guests,
            ready: &ready,
            accelerator: &Accelerator::find(&context.cache, &context.ui, &ready.image)?,
            extension,
        };
        run_row(&fleet, row, wanted, report)?;
        let trial = Trial {
            fleet,
            kernel: row.kernel,
        };
        trial.run(&row.modules, wanted, report)?;
    }
    Ok(())
}

fn run_row(
    fleet: &Fleet,
    row: &Row,
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    let Fleet { context, ready, .. } = *fleet;
    if row.has(SYMBOLS) {
        if let Some(headers) = &ready.stock_headers {
            let outcome = check_symbols(headers, &ready.object());
            report(&row.name(SYMBOLS), &outcome);
        }
    }
    let needed = row.parts(&context.project.parts);
    if needed.is_empty() && row.suites.is_empty() {
        return Ok(());
    }
    let build = || {
        let builder = context.builder(ready)?;
        let products = builder.build(needed.iter().map(|part| &**part))?;
        Ok((builder, products))
    };
    let (builder, products) = match build() {
        Ok(built) => built,
        Err(error) => {
            give_up(row, "build", error, row.own_groups(), report);
            return Ok(());
        }
    };
    for (part, error) in &products.failed {
        report(
            &row.name(&format!("build of {part}")),
            &could_not(row.kernel, error),
        );
    }
    run_checks(&builder, &products, row, report)?;
    let Products { guest, failed, .. } = products;
    // From here on others may build.
    let mut suites = Vec::new();
    for suite in &row.suites {
        match failed.iter().find(|(part, _)| suite.with.contains(*part)) {
            Some((part, error)) => {
                let outcome = not_run(row.kernel, &format!("build of {part}"), error);
                report(&row.name(&suite.name), &outcome);
            }
            None => suites.push(suite),
        }
    }
    boot_all(fleet, &suites, &guest, row.kernel, wanted, report)
}

fn run_checks(
    builder: &Builder,
    products: &Products,
    row: &Row,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    if let Some((name, build, root)) = builder.parts.linted() {
        let failed = products.failed.get(name);
        for (check, _) in row
            .checks
            .iter()
            .filter(|(check, _)| check == MODULE || check == LINT)
        {
            let outcome = match (failed, &**check) {
                (Some(error), _) => not_run(row.kernel, &format!("build of {name}"), error),
                (None, MODULE) => check_module(products.module(name)?),
                (None, _) => Outcome::timed(|| Ok(Outcome::of(builder.lint(build, root))))?,
            };
            report(&row.name(check), &outcome);
        }
    }
    for (name, check) in builder
        .parts
        .checks
        .iter()
        .filter(|(name, _)| row.has(name))
    {
        let failed = check
            .builds
            .iter()
            .find_map(|part| products.failed.get_key_value(part));
        let outcome = match failed {
            Some((part, error)) => not_run(row.kernel, &format!("build of {part}"), error),
            None => Outcome::timed(|| Ok(Outcome::of(builder.check(name, check))))?,
        };
        report(&row.name(name), &outcome);
    }
    Ok(())
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
        // By their full names, which their logs and their guests have, too.
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

/// What it comes to that something of a kernel could not be had or built: skipped if the kernel's entry
/// says that this may be, else failed.
pub fn could_not(kernel: &Kernel, error: &Error) -> Outcome {
    let text = format!("{error:#}");
    let Some(trouble) = kernel.tolerates(error) else {
        return Outcome::of(Err(anyhow!(text)));
    };
    let mut outcome = Outcome::skipped(trouble.to_string());
    outcome.details = text;
    outcome
}

/// What it comes to that a step failed which a group needs.
fn not_run(kernel: &Kernel, step: &str, error: &Error) -> Outcome {
    match kernel.tolerates(error) {
        Some(trouble) => Outcome::skipped(format!("not run: {trouble}")),
        None => Outcome::of(Err(anyhow!("not run: {step} failed"))),
    }
}

/// Reports groups of a kernel that could not be had, or be built for.
fn give_up(
    row: &Row,
    step: &str,
    error: Error,
    groups: Vec<(String, &str)>,
    report: &mut impl FnMut(&str, &Outcome),
) {
    report(&row.name(step), &could_not(row.kernel, &error));
    for (group, _) in groups {
        report(&group, &not_run(row.kernel, step, &error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Trouble;
    use crate::tally::RowState;

    fn kernel(tolerated: &str) -> Kernel {
        let text = format!(
            "name='k'\nroot='r'\nsuites=[]\ntolerated={tolerated}\n\
             from.stock={{suite='s',flavour='f',modules=[]}}"
        );
        toml::from_str(&text).expect("a kernel")
    }

    #[test]
    fn what_may_be_is_skipped_and_all_else_has_failed() {
        let error = || anyhow!("cc: no such option").context(Trouble::Build);
        let skipped = could_not(&kernel("['build']"), &error());
        assert_eq!(skipped.tally.state(), RowState::Skipped);
        assert!(skipped.details.contains("no such option"), "{skipped:?}");
        let failed = could_not(&kernel("['expired']"), &error());
        assert_eq!(failed.tally.to_string(), "0 passed, 1 failed");
        let failed = could_not(&kernel("['build']"), &anyhow!("no disk left"));
        assert_eq!(failed.tally.to_string(), "0 passed, 1 failed");
    }

    #[test]
    fn groups_that_need_what_cannot_be_built_are_told_each() {
        for (tolerated, state) in [("[]", RowState::Failed), ("['build']", RowState::Skipped)] {
            let kernel = kernel(tolerated);
            let row = Row {
                kernel: &kernel,
                checks: vec![("lint".to_owned(), String::new())],
                suites: Vec::new(),
                modules: Vec::new(),
            };
            let mut seen = Vec::new();
            let error = anyhow!("cc failed").context(Trouble::Build);
            give_up(
                &row,
                "build",
                error,
                row.own_groups(),
                &mut |name, outcome| {
                    seen.push((name.to_owned(), outcome.tally.state()));
                },
            );
            let expected = ["k:build", "k:lint"].map(|name| (name.to_owned(), state));
            assert_eq!(seen, expected);
        }
    }
}
