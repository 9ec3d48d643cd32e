// SPDX-License-Identifier: GPL-2.0

//! `make test`: every check there is, each counted.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, Result};

use crate::accel::Accelerator;
use crate::boot::{Boot, Booted};
use crate::build::{elf, Products};
use crate::config::{Suite, Suites};
use crate::filter::Filter;
use crate::host::Host;
use crate::judge::{ktap, Kind};
use crate::known;
use crate::provision::{symbols, Ready};
use crate::tally::{Outcome, Tally};
use crate::Context;

const TAIL: usize = 20;

/// The groups that are no suites.
const GROUPS: [(&str, &str); 7] = [
    ("host-tests", "cargo test, the whole workspace"),
    ("rustfmt", "cargo fmt --check"),
    ("clippy", "cargo clippy, warnings denied"),
    (
        "symbols",
        "the regenerated Rust symbols are the stock kernel's; the check can fail",
    ),
    ("module", "the module has no core::panicking symbol"),
    (
        "lint",
        "the kernel's clippy and rustfmt over the module, warnings denied",
    ),
    (
        "layout",
        "the fixture has amdgpu's structures as the stock amdgpu.ko has them",
    ),
];

/// Prints what could be run.
pub fn list(context: &Context) -> Result<()> {
    for (name, about) in GROUPS {
        println!("{name:<14}{about}");
    }
    for suite in in_test(&Suites::load(&context.repo)?) {
        println!("{:<14}{}", suite.name, suite.about);
    }
    Ok(())
}

/// Runs what the filter wants.
pub fn run(context: &Context, filter: Option<&str>) -> Result<ExitCode> {
    let suites = Suites::load(&context.repo)?;
    let wanted = Filter::parse(filter)?;
    let to_boot = pick(&context.repo, &suites, &wanted)?;
    if to_boot.is_empty() && !GROUPS.iter().any(|(name, _)| wanted.wants_check(name)) {
        bail!(picks_nothing(filter.unwrap_or_default(), &suites, &wanted));
    }
    // The host's tests read the headers of the provisioned kernel.
    let ready = context.provision()?;
    let mut total = Tally::default();
    let mut report = |group: &str, outcome: &Outcome| {
        outcome.print(group);
        total.add(outcome.tally);
    };

    // The logs are read again: another run must not write to them meanwhile.
    let host_lock = context.cache.exclusive(&context.ui, "host")?;
    let logs = context.cache.root().join("runs/host");
    let host = Host {
        cargo: &context.cargo,
        logs: &logs,
        ui: &context.ui,
    };
    if wanted.wants_check("host-tests") {
        report("host-tests", &host.tests()?);
    }
    if wanted.wants_check("rustfmt") {
        report("rustfmt", &host.format()?);
    }
    if wanted.wants_check("clippy") {
        report("clippy", &host.clippy()?);
    }
    drop(host_lock);
    if wanted.wants_check("symbols") {
        report("symbols", &check_symbols(&ready));
    }

    let needs_build = ["module", "lint", "layout"];
    if !to_boot.is_empty() || needs_build.iter().any(|group| wanted.wants_check(group)) {
        let builder = context.builder(&ready)?;
        match builder.build() {
            Ok(products) => {
                if wanted.wants_check("module") {
                    report("module", &check_module(&products));
                }
                if wanted.wants_check("lint") {
                    report("lint", &Outcome::of(builder.lint()));
                }
                if wanted.wants_check("layout") {
                    report("layout", &Outcome::of(builder.check_layout()));
                }
                boot_all(context, &ready, &products, &to_boot, &wanted, &mut report)?;
            }
            Err(error) => {
                report("build", &Outcome::of(Err(error)));
                for suite in to_boot {
                    let why = anyhow::anyhow!("not booted: the build failed");
                    report(&suite.name, &Outcome::of(Err(why)));
                }
            }
        }
    }

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

/// The suites to boot: those with none of the wanted cases are left out.
fn pick<'s>(repo: &Path, suites: &'s Suites, wanted: &Filter) -> Result<Vec<&'s Suite>> {
    let guest = known::guest_suites(repo)?;
    let has_wanted = |suite: &Suite| {
        let known = guest.iter().find(|known| known.name == suite.guest());
        let cases = known.and_then(|known| known.cases.as_ref());
        // Not known here: the guest will tell.
        cases.is_none_or(|cases| cases.iter().any(|case| wanted.wants_case(case)))
    };
    let mut suites: Vec<_> = in_test(suites).filter(|s| wanted.wants(&s.name)).collect();
    suites.retain(|suite| has_wanted(suite));
    Ok(suites)
}

fn in_test(suites: &Suites) -> impl Iterator<Item = &Suite> {
    suites.iter().filter(|s| s.in_test)
}

/// Why a filter picks nothing.
fn picks_nothing(filter: &str, suites: &Suites, wanted: &Filter) -> String {
    let cases = wanted.cases.as_deref().unwrap_or_default();
    let named: Vec<_> = in_test(suites)
        .map(|s| s.name.as_str())
        .filter(|name| wanted.wants(name))
        .collect();
    if !named.is_empty() {
        return format!(
            "FILTER={filter} picks nothing: no case {cases} in {}",
            named.join(", ")
        );
    }
    let groups = GROUPS.iter().map(|(name, _)| *name);
    if let Some(check) = groups.clone().find(|name| wanted.wants(name)) {
        return format!("FILTER={filter} picks nothing: {check} is no suite and has no cases");
    }
    let names: Vec<_> = groups
        .chain(in_test(suites).map(|s| s.name.as_str()))
        .collect();
    format!(
        "FILTER={filter} picks nothing; there is: {}",
        names.join(" ")
    )
}

fn boot_all(
    context: &Context,
    ready: &Ready,
    products: &Products,
    suites: &[&Suite],
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    if suites.is_empty() {
        return Ok(());
    }
    let accelerator = Accelerator::find(&context.cache, &context.ui, &ready.image())?;
    println!("     accelerator   {accelerator}");
    let extra = match &wanted.cases {
        Some(cases) => format!("rdna1.cases={cases}"),
        None => String::new(),
    };
    for suite in suites {
        let booted = Boot {
            cache: &context.cache,
            ui: &context.ui,
            image: &ready.image(),
            initramfs: products.initramfs(suite),
            accelerator: &accelerator,
            suite,
            extra: extra.clone(),
            live: false,
        }
        .run()?;
        report(&suite.name, &judged(&booted));
    }
    Ok(())
}

fn check_symbols(ready: &Ready) -> Outcome {
    let (headers, object) = (ready.stock_headers(), ready.object());
    let mut outcome = Outcome::of(symbols::check(&headers, &object).map(|equal| equal.to_string()));
    let control = Outcome::of(symbols::self_test(&headers, &object).map(|()| String::new()));
    outcome.tally.add(control.tally);
    outcome.details.push_str(&control.details);
    outcome
}

fn check_module(products: &Products) -> Outcome {
    Outcome::of(elf::expect_no_panicking(&products.guard).and_then(|()| {
        let sizes = elf::sizes(&products.guard)?;
        Ok(format!(
            "no core::panicking symbol; .text {} bytes, .ko {} bytes",
            sizes.text, sizes.file
        ))
    }))
}

/// A boot's cases, and each other thing that is wrong with it.
fn judged(booted: &Booted) -> Outcome {
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
