// SPDX-License-Identifier: GPL-2.0

//! `make test`: every check there is, each counted.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Result};
use clap::Args;

use crate::cache::Built;
use crate::checks::CHECKS;
use crate::filter::Filter;
use crate::host::Host;
use crate::matrix::{self, Row};
use crate::modules::Modules;
use crate::provision::tools;
use crate::report::{Recorder, Report};
use crate::selfcheck;
use crate::tally::Outcome;
use crate::{Context, Guests};

const HOST_TESTS: &str = "host-tests";

/// The groups that are of no kernel.
const ON_HOST: [(&str, &str); 5] = [
    (HOST_TESTS, "cargo test, the whole workspace"),
    ("rustfmt", "cargo fmt --check"),
    ("clippy", "cargo clippy, warnings denied"),
    ("fuzz", "a short run of the fuzzer over the core"),
    selfcheck::GROUP,
];

/// What the user wants tested.
#[derive(Args)]
pub struct Choice {
    /// Only groups of this name, or SUITE/CASE; with * and ?
    #[arg(long, value_name = "GLOB")]
    filter: Option<String>,
    /// The modules that this file describes, and nothing else
    #[arg(long, value_name = "FILE")]
    modules: Option<PathBuf>,
    /// Only the suites that suites.toml marks for torture, on all kernels
    #[arg(long, conflicts_with = "modules")]
    torture: bool,
    /// Print the report as KTAP, in place of a line for each group as it ends
    #[arg(long)]
    ktap: bool,
}

impl Choice {
    fn filter(&self) -> Result<Filter> {
        Ok(Filter::parse(self.filter.as_deref())?.of_torture(self.torture))
    }

    /// All that such a filter can pick from, on all kernels if it names any.
    fn everything(&self) -> Result<Filter> {
        let all = if self.filter()?.names_kernels() {
            "*:*"
        } else {
            "*"
        };
        Ok(Filter::parse(Some(all))?.of_torture(self.torture))
    }

    fn modules(&self, context: &Context) -> Result<Modules> {
        Modules::load(context, self.modules.as_deref())
    }

    /// The groups there are that are of no kernel.
    fn on_host(&self) -> &'static [(&'static str, &'static str)] {
        match self.modules.is_some() || self.torture {
            false => &ON_HOST,
            true => &[],
        }
    }
}

/// Prints what could be run: the groups, and the cases of the suites.
pub fn list(context: &Context, choice: &Choice) -> Result<()> {
    let wanted = choice.filter()?;
    let on_host = choice.on_host().iter();
    for (name, about) in on_host.filter(|(name, _)| wanted.wants_on_host(name)) {
        println!("{name:<42} {about}");
    }
    for row in matrix::rows(context, &wanted, &choice.modules(context)?)? {
        let part = row.part();
        for (group, about) in row.groups() {
            println!("{group:<42} {about}{part}");
            for case in row.cases(context.listing()?, &group, &wanted) {
                println!("  {group}/{case}");
            }
        }
    }
    Ok(())
}

/// Runs what the filter wants, and reports; a copy of the report goes to `copy`.
pub fn run(
    context: &Context,
    guests: &Guests,
    choice: &Choice,
    copy: Option<&Path>,
) -> Result<ExitCode> {
    let folder = context.run_folder()?;
    if let Some(copy) = copy {
        Report::check_copy(folder, copy)?;
    }
    let mut recorder = Recorder::begin(folder.to_owned(), choice.filter.as_deref());
    let result = run_all(context, guests, choice, &mut recorder);
    let total = recorder.tally();
    let report = recorder.end(&result);
    report.write(folder)?;
    if let Some(copy) = copy {
        report.copy(folder, copy)?;
    }
    result?;
    if choice.ktap {
        print!("{}", report.ktap());
        return Ok(report.outcome.into());
    }
    if let Some(error) = &report.error {
        println!("{error}");
    }
    println!("{total}");
    Ok(report.outcome.into())
}

fn run_all(
    context: &Context,
    guests: &Guests,
    choice: &Choice,
    recorder: &mut Recorder,
) -> Result<()> {
    let wanted = choice.filter()?;
    let modules = choice.modules(context)?;
    let everything = choice.filter.is_none() && choice.modules.is_none();
    if everything {
        context.headers()?;
    }
    let rows = std::thread::scope(|scope| {
        if everything {
            // What is prepared in the root comes while the guest's program is built on the host. Whoever
            // needs it asks again, and is told what went wrong.
            scope.spawn(|| {
                drop(
                    context
                        .kernel()
                        .and_then(|kernel| context.provision(kernel)),
                )
            });
        }
        matrix::rows(context, &wanted, &modules)
    })?;
    let on_host: Vec<_> = choice
        .on_host()
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| wanted.wants_on_host(name))
        .collect();
    if rows.is_empty() && on_host.is_empty() {
        bail!(picks_nothing(context, choice)?);
    }
    if everything {
        let tested = rows
            .iter()
            .map(|row| format!("{}{}", row.kernel(), row.part()));
        let tested: Vec<_> = tested.collect();
        context.ui.say(covers(&tested, context.kernels.names()));
    }
    let mut report = |group: &str, outcome: &Outcome| {
        if !choice.ktap {
            outcome.print(group);
        }
        recorder.add(group, outcome);
    };
    let (harness, on_host): (Vec<_>, Vec<_>) = on_host
        .into_iter()
        .partition(|name| *name == selfcheck::GROUP.0);
    if !(harness.is_empty() && on_host.is_empty()) {
        // Both need it, and neither is to wait for the other.
        let _ready = context.provision(context.kernel()?)?;
    }
    std::thread::scope(|scope| {
        // Its guests come one after the other, and leave cores idle that all else can use.
        let check = || Outcome::timed(|| selfcheck::check(context));
        let checked = (!harness.is_empty()).then(|| scope.spawn(check));
        let ran = run_cargo(context, &on_host, &mut report)
            .and_then(|()| matrix::run(context, guests, &rows, &wanted, &mut report));
        if let Some(checked) = checked {
            let outcome = checked.join();
            let outcome = outcome.unwrap_or_else(|_| bail!("the check of the harness panicked"))?;
            report(selfcheck::GROUP.0, &outcome);
        }
        ran
    })
}

/// Which kernels are tested, and which are left out. Words after a name say how much of it is.
fn covers<'a>(tested: &[String], all: impl Iterator<Item = &'a str>) -> String {
    let tests = format!("testing on {}", tested.join(", "));
    let is_tested = |name: &str| tested.iter().any(|t| t.split(' ').next() == Some(name));
    let left: Vec<_> = all.filter(|name| !is_tested(name)).collect();
    match left.as_slice() {
        [] => tests,
        _ => format!(
            "{tests}; left out: {} (KERNEL=NAME, or all)",
            left.join(", ")
        ),
    }
}

fn run_cargo(
    context: &Context,
    wanted: &[&str],
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    let logs = context.run_folder()?.join("host");
    let tools = match wanted.contains(&HOST_TESTS) {
        true => host_tools(context)?,
        false => None,
    };
    let host = Host {
        cargo: &context.cargo,
        logs: &logs,
        ui: &context.ui,
        promtool: tools
            .as_ref()
            .map(|tools| tools::on_host(tools, "/usr/bin/promtool")),
    };
    for group in wanted {
        let outcome = match *group {
            HOST_TESTS => Outcome::timed(|| host.tests())?,
            "rustfmt" => Outcome::timed(|| host.format())?,
            "clippy" => Outcome::timed(|| host.clippy())?,
            _ => Outcome::timed(|| host.fuzz())?,
        };
        report(group, &outcome);
    }
    Ok(())
}

/// Programs that the host's tests run. They are kept as long as this is held.
fn host_tools(context: &Context) -> Result<Option<Built>> {
    let kernel = context.kernel()?;
    let Some(wanted) = &context.kernels.root_of(kernel)?.host_tools else {
        return Ok(None);
    };
    let ready = context.provision(kernel)?;
    let provision = context.provisioning(kernel);
    tools::ensure_on_host(&provision, &ready, wanted).map(Some)
}

/// Why a filter picks nothing.
fn picks_nothing(context: &Context, choice: &Choice) -> Result<String> {
    let filter = choice.filter.as_deref().unwrap_or_default();
    let wanted = &choice.filter()?;
    let rows = matrix::rows(context, &choice.everything()?, &choice.modules(context)?)?;
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
    let mut checks = CHECKS.iter().chain(&ON_HOST).map(|(name, _)| *name);
    if let Some(check) = checks.find(|name| wanted.names(name)) {
        if !cases.is_empty() {
            return Ok(format!(
                "FILTER={filter} picks nothing: {check} is no suite and has no cases"
            ));
        }
    }
    let on_host = choice.on_host().iter().map(|(name, _)| (*name).to_owned());
    let on_kernels = rows.iter().flat_map(Row::groups).map(|(name, _)| name);
    let names: Vec<_> = on_host.chain(on_kernels).collect();
    if names.is_empty() {
        let kernel = &context.kernel()?.name;
        return Ok(format!(
            "no module is to be tried on {kernel}: see `kernels` of each"
        ));
    }
    Ok(format!(
        "FILTER={filter} picks nothing; there is: {}",
        names.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn what_is_left_out_is_said() {
        let all = ["a", "b", "c"];
        let tested = ["a (in part)", "c"].map(str::to_owned);
        assert_eq!(
            covers(&tested, all.into_iter()),
            "testing on a (in part), c; left out: b (KERNEL=NAME, or all)"
        );
        let tested = all.map(str::to_owned);
        assert_eq!(covers(&tested, all.into_iter()), "testing on a, b, c");
    }
}
