// SPDX-License-Identifier: GPL-2.0

//! `make test`: every check there is, each counted.

use std::process::ExitCode;

use anyhow::{bail, Result};

use crate::boot::Booted;
use crate::filter::Filter;
use crate::host::Host;
use crate::judge::{ktap, Kind};
use crate::matrix::{self, Row};
use crate::tally::{Outcome, Tally};
use crate::Context;

const TAIL: usize = 20;

/// The groups that are of no kernel.
const ON_HOST: [(&str, &str); 3] = [
    ("host-tests", "cargo test, the whole workspace"),
    ("rustfmt", "cargo fmt --check"),
    ("clippy", "cargo clippy, warnings denied"),
];

/// Prints what could be run.
pub fn list(context: &Context) -> Result<()> {
    for (name, about) in ON_HOST {
        println!("{name:<30}{about}");
    }
    for row in matrix::rows(context, &Filter::parse(None)?)? {
        for (group, about) in row.groups() {
            println!("{group:<30}{about}");
        }
    }
    Ok(())
}

/// Runs what the filter wants.
pub fn run(context: &Context, filter: Option<&str>) -> Result<ExitCode> {
    let wanted = Filter::parse(filter)?;
    let rows = matrix::rows(context, &wanted)?;
    let on_host: Vec<_> = ON_HOST
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| wanted.wants_on_host(name))
        .collect();
    if rows.is_empty() && on_host.is_empty() {
        bail!(picks_nothing(context, filter.unwrap_or_default(), &wanted)?);
    }
    let mut total = Tally::default();
    let mut report = |group: &str, outcome: &Outcome| {
        outcome.print(group);
        total.add(outcome.tally);
    };
    if !on_host.is_empty() {
        run_on_host(context, &on_host, &mut report)?;
    }
    matrix::run(context, &rows, &wanted, &mut report)?;

    if total.passed == 0 && total.failed == 0 {
        println!("nothing passed: all that was picked was skipped");
    }
    println!("{total}");
    Ok(if total.failed == 0 && total.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn run_on_host(
    context: &Context,
    wanted: &[&str],
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    // The host's tests read the headers of a provisioned kernel.
    let _ready = context.provision(context.kernel()?)?;
    // The logs are read again: another run must not write to them meanwhile.
    let _lock = context.cache.exclusive(&context.ui, "host")?;
    let logs = context.cache.root().join("runs/host");
    let host = Host {
        cargo: &context.cargo,
        logs: &logs,
        ui: &context.ui,
    };
    for group in wanted {
        let outcome = match *group {
            "host-tests" => host.tests()?,
            "rustfmt" => host.format()?,
            _ => host.clippy()?,
        };
        report(group, &outcome);
    }
    Ok(())
}

/// Why a filter picks nothing.
fn picks_nothing(context: &Context, filter: &str, wanted: &Filter) -> Result<String> {
    let rows = matrix::rows(context, &Filter::parse(None)?)?;
    let cases = wanted.cases.as_deref().unwrap_or_default();
    let named: Vec<_> = rows
        .iter()
        .flat_map(|row| row.suites_named(wanted))
        .collect();
    if !named.is_empty() {
        return Ok(format!(
            "FILTER={filter} picks nothing: no case {cases} in {}",
            named.join(", ")
        ));
    }
    let checks = matrix::CHECKS.iter().chain(&ON_HOST).map(|(name, _)| *name);
    if let Some(check) = checks.clone().find(|name| wanted.names(name)) {
        if !cases.is_empty() {
            return Ok(format!(
                "FILTER={filter} picks nothing: {check} is no suite and has no cases"
            ));
        }
    }
    let on_host = ON_HOST.iter().map(|(name, _)| (*name).to_owned());
    let on_kernels = rows.iter().flat_map(Row::groups).map(|(name, _)| name);
    let names: Vec<_> = on_host.chain(on_kernels).collect();
    Ok(format!(
        "FILTER={filter} picks nothing; there is: {}",
        names.join(" ")
    ))
}

/// A boot's cases, and each other thing that is wrong with it.
pub fn judged(booted: &Booted) -> Outcome {
    let verdict = &booted.verdict;
    let [passed, failed, skipped] = verdict.stream.counts();
    let mut details = String::new();
    let mut others = 0;
    for reason in &verdict.reasons {
        if reason.kind != Kind::TestFailures {
            others += 1;
            details.push_str(&format!("{reason}\n"));
        }
    }
    for case in &verdict.stream.cases {
        let said = match &case.outcome {
            ktap::Outcome::Passed => continue,
            ktap::Outcome::Failed => {
                let notes: String = case.notes.iter().map(|n| format!("  {n}\n")).collect();
                format!("not ok {}\n{notes}", case.name)
            }
            ktap::Outcome::Skipped(why) => format!("skipped {}: {why}\n", case.name),
        };
        details.push_str(&said);
    }
    if !verdict.passed() {
        details.push_str("the console's last lines:\n");
        details.push_str(&booted.console_tail(TAIL));
        details.push_str(&format!("console log: {}", booted.console_path().display()));
    }
    Outcome {
        tally: Tally {
            passed,
            failed: failed + others,
            skipped,
        },
        note: format!("{:.0} s", booted.took.as_secs_f64()),
        details,
    }
}
