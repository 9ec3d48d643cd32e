// SPDX-License-Identifier: GPL-2.0

//! The part of `make test` that is done for each kernel.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail, Error, Result};

use crate::accel::Accelerator;
use crate::build;
use crate::checks::{check_module, check_symbols, CHECKS, OF_STOCK};
use crate::config::{Suite, Suites};
use crate::defects::{self, Defect, Planting};
use crate::filter::Filter;
use crate::fleet::Fleet;
use crate::kernels::Kernel;
use crate::known;
use crate::modules::{Module, Modules, Trial};
use crate::provision::{self, Ready};
use crate::tally::Outcome;
use crate::test::timed;
use crate::{Context, Guests};

/// What is done for one kernel.
pub struct Row<'a> {
    kernel: &'a Kernel,
    checks: Vec<(&'static str, &'static str)>,
    suites: Vec<Suite>,
    defects: Vec<Defect>,
    modules: Vec<Module>,
}

impl Row<'_> {
    /// The full names of its groups, with what each shows.
    pub fn groups(&self) -> Vec<(String, &str)> {
        self.named(&self.checks, self.all_suites())
    }

    /// Those that are about this project's own module.
    fn own_groups(&self) -> Vec<(String, &str)> {
        self.named(&self.checks, self.suites.iter())
    }

    fn named<'r>(
        &'r self,
        checks: &'r [(&str, &str)],
        suites: impl Iterator<Item = &'r Suite>,
    ) -> Vec<(String, &'r str)> {
        let checks = checks.iter().map(|(name, about)| (*name, *about));
        checks
            .chain(suites.map(|s| (&*s.name, &*s.about)))
            .map(|(name, about)| (self.name(name), about))
            .collect()
    }

    /// Those of other modules, too.
    fn all_suites(&self) -> impl Iterator<Item = &Suite> {
        let others = self.modules.iter().map(|module| &module.suite);
        self.suites.iter().chain(others)
    }

    /// The full names of its suites that a filter names, whatever their cases.
    pub fn suites_named(&self, filter: &Filter) -> Vec<String> {
        let kernel = &self.kernel.name;
        let suites = self.all_suites().map(|s| &*s.name);
        suites
            .filter(|suite| filter.wants_suite(kernel, suite))
            .map(|suite| self.name(suite))
            .collect()
    }

    /// The wanted cases of a group by its full name, as far as they are known.
    pub fn cases(&self, context: &Context, group: &str, wanted: &Filter) -> Result<Vec<String>> {
        let Some(suite) = self
            .all_suites()
            .find(|suite| self.name(&suite.name) == group)
        else {
            return Ok(Vec::new());
        };
        let known = known::guest_suites(&context.repo)?;
        let cases = known::cases_of(&known, suite.guest()).unwrap_or_default();
        let names = cases.iter().map(|case| case.name.clone());
        Ok(names.filter(|name| wanted.wants_case(name)).collect())
    }

    fn name(&self, group: &str) -> String {
        format!("{}:{group}", self.kernel.name)
    }

    fn has(&self, check: &str) -> bool {
        self.checks.iter().any(|(name, _)| *name == check)
    }
}

/// What the filter wants of each kernel; kernels of which it wants nothing are
/// left out.
pub fn rows<'a>(context: &'a Context, wanted: &Filter, modules: &Modules) -> Result<Vec<Row<'a>>> {
    let suites = Suites::load(&context.repo)?;
    let guest = known::guest_suites(&context.repo)?;
    for suite in suites.iter().filter(|s| s.in_test) {
        if !context
            .kernels
            .iter()
            .any(|k| k.suites.contains(&suite.name))
        {
            bail!(
                "no kernel of qemu/kernels.toml boots the suite {}",
                suite.name
            );
        }
    }
    // Those with none of the wanted cases are left out.
    let has_wanted = |suite: &Suite| {
        let cases = known::cases_of(&guest, suite.guest());
        // Not known here: the guest will tell.
        cases.is_none_or(|cases| cases.iter().any(|case| wanted.wants_case(&case.name)))
    };
    let mut rows = Vec::new();
    for kernel in context.picked(|kernel| kernel.in_test || wanted.names_kernels())? {
        let mut row = Row {
            kernel,
            checks: CHECKS.to_vec(),
            suites: Vec::new(),
            defects: Vec::new(),
            modules: modules.on(context, kernel)?,
        };
        row.modules.retain(|Module { suite, .. }| {
            wanted.wants_suite(&kernel.name, &suite.name) && has_wanted(suite)
        });
        row.checks.retain(|(name, _)| {
            let applies = kernel.is_stock() || !OF_STOCK.contains(name);
            !modules.alone && applies && wanted.wants_check(&kernel.name, name)
        });
        for name in kernel.suites.iter().filter(|_| !modules.alone) {
            let suite = suites.find(name)?;
            if name == defects::GROUP && wanted.wants_suite(&kernel.name, name) {
                row.defects = defects::pick(&context.repo, wanted)?;
            }
            let asked_for = suite.in_test || wanted.asks_for(name);
            if name != defects::GROUP
                && asked_for
                && wanted.wants_suite(&kernel.name, name)
                && has_wanted(suite)
            {
                row.suites.push(suite.clone());
            }
        }
        if !(row.groups().is_empty() && row.defects.is_empty()) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Does it all.
pub fn run(
    context: &Context,
    guests: &Guests,
    rows: &[Row],
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    // Which kernel was met under which name.
    let mut met: BTreeMap<String, String> = BTreeMap::new();
    for row in rows {
        // Two entries can come to the same kernel: that is known before anything is prepared.
        let provision = context.provisioning(row.kernel);
        let ready = provision::stock_abi(&provision).and_then(|abi| {
            let other = abi.as_ref().and_then(|abi| met.get(abi));
            Ok(match (abi, other) {
                (Some(abi), Some(other)) => Err(format!("the same kernel as {other}: {abi}")),
                _ => Ok(context.provision(row.kernel)?),
            })
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
        run_row(context, guests, row, &ready, wanted, report)?;
        let trial = Trial {
            context,
            guests,
            kernel: row.kernel,
            ready: &ready,
        };
        trial.run(&row.modules, wanted, report)?;
    }
    Ok(())
}

fn run_row(
    context: &Context,
    guests: &Guests,
    row: &Row,
    ready: &Ready,
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    if row.has("symbols") {
        if let Some(headers) = &ready.stock_headers {
            let outcome = check_symbols(headers, &ready.object());
            report(&row.name("symbols"), &outcome);
        }
    }
    let needs_build = ["module", "lint", "layout"];
    if row.suites.is_empty()
        && row.defects.is_empty()
        && !needs_build.iter().any(|check| row.has(check))
    {
        return Ok(());
    }
    let builder = context.builder(ready);
    let products = match builder.build() {
        Ok(products) => products,
        Err(error) => {
            give_up(row, "build", error, row.own_groups(), report);
            return Ok(());
        }
    };
    if row.has("module") {
        report(&row.name("module"), &check_module(&products));
    }
    if row.has("lint") {
        report(
            &row.name("lint"),
            &timed(|| Ok(Outcome::of(builder.lint())))?,
        );
    }
    if row.has("layout") {
        report(
            &row.name("layout"),
            &timed(|| Ok(Outcome::of(builder.check_layout())))?,
        );
    }
    let with_defects = (!row.defects.is_empty()).then(|| builder.build_defects(&products));
    let guest = products.guest.clone();
    // From here on others may build.
    drop(products);
    boot_all(context, guests, row, ready, &guest, wanted, report)?;
    if let Some(guest) = with_defects {
        let planting = Planting {
            context,
            guests,
            kernel: row.kernel,
            ready,
            accelerator: &Accelerator::find(&context.cache, &context.ui, &ready.image)?,
            guest: &guest?,
        };
        let outcome = timed(|| planting.run(&row.defects))?;
        report(&row.name(defects::GROUP), &outcome);
    }
    Ok(())
}

/// Reports groups of a kernel that could not be had, or be built for: as
/// skipped if `kernels.toml` says that this may be, else as failed.
fn give_up(
    row: &Row,
    step: &str,
    error: Error,
    groups: Vec<(String, &str)>,
    report: &mut impl FnMut(&str, &Outcome),
) {
    if let Some(trouble) = row.kernel.tolerates(&error) {
        let why = trouble.to_string();
        let mut outcome = Outcome::skipped(&*why);
        outcome.details = format!("{error:#}");
        report(&row.name(step), &outcome);
        for (group, _) in groups {
            report(&group, &Outcome::skipped(format!("not run: {why}")));
        }
        return;
    }
    report(&row.name(step), &Outcome::of(Err(error)));
    for (group, _) in groups {
        let why = anyhow!("not run: {step} failed");
        report(&group, &Outcome::of(Err(why)));
    }
}

fn boot_all(
    context: &Context,
    guests: &Guests,
    row: &Row,
    ready: &Ready,
    guest: &build::Guest,
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    if row.suites.is_empty() {
        return Ok(());
    }
    let accelerator = Accelerator::find(&context.cache, &context.ui, &ready.image)?;
    context
        .ui
        .say(format!("booting {} with {accelerator}", ready.choice.abi));
    // By their full names, which their logs and their guests have, too.
    let suites: Vec<_> = row.suites.iter().map(|s| s.on(row.kernel)).collect();
    let fleet = Fleet {
        context,
        guests,
        ready,
        guest,
        accelerator: &accelerator,
    };
    fleet.boot_all(&suites, wanted, report)
}
