// SPDX-License-Identifier: GPL-2.0

//! `test`: runs all checks, and counts their results.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, Result};
use clap::Args;

use crate::context::Context;
use crate::extension::{Extension, HostGroup};
use crate::filter::Filter;
use crate::matrix::{self, KernelRun};
use crate::options::Guests;
use crate::report::{Recorder, Report};
use crate::tally::Outcome;

/// The tests that the user picked.
#[derive(Args)]
pub struct Choice {
    /// Only run groups of this name, or SUITE/CASE; with * and ?
    #[arg(long, value_name = "GLOB")]
    filter: Option<String>,
    /// Only run the suites that are marked for torture, on all kernels
    #[arg(long)]
    torture: bool,
    /// Also run what a plain test leaves out because it takes long: some suites and checks, and the
    /// short forms of more kernels
    #[arg(long, conflicts_with_all = ["filter", "torture"])]
    full: bool,
    /// Print the report as KTAP, in place of a line for each group as it ends
    #[arg(long)]
    ktap: bool,
}

impl Choice {
    fn filter(&self, context: &Context) -> Result<Filter> {
        let filter = Filter::parse(self.filter.as_deref())?.of_torture(self.torture);
        // A user who names a kernel wants its long suites and checks, too.
        let full = self.full || context.names_kernel() || filter.names_kernels();
        Ok(filter.of_full(full))
    }

    /// A filter that picks everything, on all kernels if the user's filter names kernels.
    fn everything(&self, context: &Context) -> Result<Filter> {
        let all = if self.filter(context)?.names_kernels() {
            "*:*"
        } else {
            "*"
        };
        let all = Filter::parse(Some(all))?;
        Ok(all.of_torture(self.torture).of_full(true))
    }

    /// The groups that belong to no kernel.
    fn on_host<'e>(&self, extension: &'e dyn Extension) -> Vec<HostGroup<'e>> {
        match self.torture {
            false => extension.host_groups(),
            true => Vec::new(),
        }
    }
}

/// Prints the groups and the cases that could run.
pub fn list(context: &Context, choice: &Choice, extension: &dyn Extension) -> Result<()> {
    // A filter can pick slow suites, too.
    let wanted = choice.filter(context)?.of_full(true);
    let on_host = choice.on_host(extension).into_iter();
    for group in on_host.filter(|group| wants_on_host(&wanted, group)) {
        println!("{:<42} {}", group.name, group.about);
    }
    for run in matrix::kernel_runs(context, &wanted)? {
        let remark = run.remark();
        for (group, about) in run.groups() {
            println!("{group:<42} {about}{remark}");
            for case in run.cases(context.listing()?, &group, &wanted) {
                println!("  {group}/{case}");
            }
        }
    }
    Ok(())
}

/// Runs the checks that the filter picks, and reports them. Also copies the report to `copy`.
pub fn run(
    context: &Context,
    guests: &Guests,
    choice: &Choice,
    copy: Option<&Path>,
    extension: &dyn Extension,
) -> Result<ExitCode> {
    let folder = context.run_folder()?;
    if let Some(copy) = copy {
        Report::check_copy(folder, copy)?;
    }
    let mut recorder = Recorder::begin(folder.to_owned(), choice.filter.as_deref());
    let result = run_all(context, guests, choice, extension, &mut recorder);
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
    extension: &dyn Extension,
    recorder: &mut Recorder,
) -> Result<()> {
    let wanted = choice.filter(context)?;
    let everything = choice.filter.is_none();
    if everything {
        context.headers()?;
    }
    let runs = std::thread::scope(|scope| {
        if everything {
            // Prepare the kernel while cargo builds the guest program on the host. Ignores errors:
            // code that needs the kernel tries again, and then reports the error.
            scope.spawn(|| {
                drop(
                    context
                        .kernel()
                        .and_then(|kernel| context.provision(kernel)),
                )
            });
        }
        matrix::kernel_runs(context, &wanted)
    })?;
    let mut on_host = choice.on_host(extension);
    on_host.retain(|group| wants_on_host(&wanted, group));
    if runs.is_empty() && on_host.is_empty() {
        bail!(picks_nothing(context, choice, extension)?);
    }
    if everything {
        let tested = runs
            .iter()
            .map(|run| format!("{}{}", run.kernel(), run.remark()));
        let tested: Vec<_> = tested.collect();
        context.ui.say(covers(&tested, context.kernels().names()));
        if let Some(left_out) = left_out(context, choice, extension, &wanted) {
            context.ui.say(left_out);
        }
    }
    let mut report = |group: &str, outcome: &Outcome| {
        if !choice.ktap {
            outcome.print(group);
        }
        recorder.add(group, outcome);
    };
    if !on_host.is_empty() {
        // The groups may need the kernel. Prepare it once, so that none waits for another.
        let _ready = context.provision(context.kernel()?)?;
    }
    let (mut beside, in_turn): (Vec<_>, Vec<_>) =
        on_host.into_iter().partition(|group| group.beside);
    beside.sort_by_key(|group| group.prepare.is_some());
    std::thread::scope(|scope| {
        // An error fails its group only: the report still shows the others.
        let run = |group: &HostGroup| {
            let ran = || Ok((group.run)(context).unwrap_or_else(|error| Outcome::of(Err(error))));
            Outcome::timed(ran)
        };
        let beside: Vec<_> = beside
            .iter()
            .map(|group| {
                if let Some(prepare) = &group.prepare {
                    drop(prepare(context));
                }
                (group.name, scope.spawn(move || run(group)))
            })
            .collect();
        let mut in_turn = in_turn.iter();
        let ran = in_turn
            .try_for_each(|group| {
                report(group.name, &run(group)?);
                Ok(())
            })
            .and_then(|()| matrix::run(context, guests, &runs, &wanted, extension, &mut report));
        for (name, group) in beside {
            let outcome = group.join();
            let outcome = outcome.unwrap_or_else(|_| bail!("the group panicked"));
            report(
                name,
                &outcome.unwrap_or_else(|error| Outcome::of(Err(error))),
            );
        }
        ran
    })
}

fn wants_on_host(wanted: &Filter, group: &HostGroup) -> bool {
    let is_in = !group.slow || wanted.reaches_slow(group.name);
    is_in && wanted.wants_on_host(group.name)
}

/// Names the tested kernels and the others. A text after a name tells how much of it runs.
fn covers<'a>(tested: &[String], all: impl Iterator<Item = &'a str>) -> String {
    let tests = format!("testing on {}", tested.join(", "));
    let is_tested = |name: &str| tested.iter().any(|t| t.split(' ').next() == Some(name));
    let left: Vec<_> = all.filter(|name| !is_tested(name)).collect();
    match left.as_slice() {
        [] => tests,
        _ => format!(
            "{tests}; left out: {} (--kernel NAME, or all)",
            left.join(", ")
        ),
    }
}

/// Describes the groups that a plain `test` leaves out because they take long.
fn left_out(
    context: &Context,
    choice: &Choice,
    extension: &dyn Extension,
    wanted: &Filter,
) -> Option<String> {
    let groups = choice.on_host(extension);
    let groups = groups.iter().filter(|group| group.slow);
    let suites = context.project.suites.iter().filter(|suite| suite.slow);
    let cases = context.project.suites.iter().flat_map(|suite| {
        let cases = suite.slow_cases.iter();
        cases.map(move |case| format!("{}/{case}", suite.name))
    });
    let names = groups.map(|group| group.name.to_owned());
    let names = names.chain(suites.map(|suite| suite.name.clone()));
    let names: Vec<_> = names.chain(cases).collect();
    let names = names.join(", ");
    (!names.is_empty() && !wanted.is_full())
        .then(|| format!("left out for their length: {names} (--full)"))
}

/// Explains why a filter picks nothing.
fn picks_nothing(context: &Context, choice: &Choice, extension: &dyn Extension) -> Result<String> {
    let filter = choice.filter.as_deref().unwrap_or_default();
    let wanted = &choice.filter(context)?;
    let runs = matrix::kernel_runs(context, &choice.everything(context)?)?;
    let cases = wanted.cases.as_deref().unwrap_or_default();
    let named: Vec<_> = runs
        .iter()
        .flat_map(|run| run.suites_named(wanted))
        .collect();
    if !named.is_empty() {
        return Ok(format!(
            "the filter {filter} picks nothing: no case {cases} in {}",
            named.join(", ")
        ));
    }
    let on_host = choice.on_host(extension);
    let on_host = on_host.iter().map(|group| group.name.to_owned());
    let on_kernels = runs
        .iter()
        .flat_map(KernelRun::groups)
        .map(|(name, _)| name);
    let names: Vec<_> = on_host.chain(on_kernels).collect();
    if names.is_empty() {
        let kernel = &context.kernel()?.name;
        return Ok(format!(
            "nothing is to be tried on {kernel}: see `kernels` of each module"
        ));
    }
    Ok(format!(
        "the filter {filter} picks nothing (only suites have cases); there is: {}",
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
            "testing on a (in part), c; left out: b (--kernel NAME, or all)"
        );
        let tested = all.map(str::to_owned);
        assert_eq!(covers(&tested, all.into_iter()), "testing on a, b, c");
    }
}
