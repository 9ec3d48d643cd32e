// SPDX-License-Identifier: GPL-2.0

//! Chooses the groups to run on each kernel.

use std::collections::BTreeSet;

use anyhow::Result;
use modproof_formats::Listing;

use crate::checks::{checks, LINT, MODULE, SYMBOLS};
use crate::context::Context;
use crate::filter::Filter;
use crate::kernels::{Kernel, ALL};
use crate::modules::Module;
use crate::parts::Parts;
use crate::planted;
use crate::suites::{Suite, Suites};

/// The groups to run on one kernel.
pub struct KernelRun<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) checks: Vec<(String, String)>,
    pub(super) suites: Vec<Suite>,
    pub(super) modules: Vec<Module>,
}

impl KernelRun<'_> {
    /// The full names of the groups, each with a description.
    pub fn groups(&self) -> Vec<(String, &str)> {
        self.named(self.all_suites())
    }

    /// The groups that need the project's parts: all except those of `[[module]]` sections.
    pub(super) fn own_groups(&self) -> Vec<(String, &str)> {
        self.named(self.suites.iter())
    }

    /// Whether any group boots a guest.
    pub(super) fn boots(&self) -> bool {
        !self.suites.is_empty() || !self.modules.is_empty()
    }

    /// Whether the groups need no build, apart from modules of `[[module]]` sections.
    pub(super) fn needs_no_build(&self) -> bool {
        self.suites.is_empty() && self.checks.iter().all(|(name, _)| name == SYMBOLS)
    }

    /// The parts that the groups need.
    pub(super) fn parts(&self, all: &Parts) -> BTreeSet<String> {
        let of_suites = self
            .suites
            .iter()
            .flat_map(|suite| suite.with.iter().cloned());
        let mut needed: BTreeSet<_> = of_suites.collect();
        if self.has(MODULE) || self.has(LINT) {
            needed.extend(all.linted().map(|(name, _, _)| name.to_owned()));
        }
        for (_, check) in all.checks.iter().filter(|(name, _)| self.has(name)) {
            needed.extend(check.builds.iter().cloned());
        }
        needed
    }

    /// The kernel's name, as filters spell it.
    pub fn kernel(&self) -> &str {
        &self.kernel.name
    }

    /// A remark for the user if only the kernel's short form runs.
    pub fn remark(&self) -> &'static str {
        match self.suites.iter().any(|suite| suite.short.is_some()) {
            true => " (in part)",
            false => "",
        }
    }

    fn named<'r>(&'r self, suites: impl Iterator<Item = &'r Suite>) -> Vec<(String, &'r str)> {
        let checks = self.checks.iter().map(|(name, about)| (&**name, &**about));
        checks
            .chain(suites.map(|s| (&*s.name, &*s.about)))
            .map(|(name, about)| (self.name(name), about))
            .collect()
    }

    /// The suites, including those of `[[module]]` sections.
    fn all_suites(&self) -> impl Iterator<Item = &Suite> {
        let others = self.modules.iter().map(|module| &module.suite);
        self.suites.iter().chain(others)
    }

    /// The full names of the suites that a filter names, regardless of their cases.
    pub fn suites_named(&self, filter: &Filter) -> Vec<String> {
        let kernel = &self.kernel.name;
        let suites = self.all_suites().map(|s| &*s.name);
        suites
            .filter(|suite| filter.wants_suite(kernel, suite))
            .map(|suite| self.name(suite))
            .collect()
    }

    /// The chosen cases of a group, by its full name. Empty if they are not known.
    pub fn cases(&self, known: &Listing, group: &str, wanted: &Filter) -> Vec<String> {
        let Some(suite) = self
            .all_suites()
            .find(|suite| self.name(&suite.name) == group)
        else {
            return Vec::new();
        };
        if let Some(file) = &suite.planted {
            let defects = planted::pick(file, suite, wanted);
            let names = defects.into_iter().flatten().map(|defect| defect.name);
            return names.collect();
        }
        let cases = known.cases_of(suite.guest()).unwrap_or_default();
        let names = cases.iter().map(|case| case.name.clone());
        let wanted = suite.wanted(wanted);
        names.filter(|name| wanted.wants_case(name)).collect()
    }

    pub(super) fn name(&self, group: &str) -> String {
        format!("{}:{group}", self.kernel.name)
    }

    pub(super) fn has(&self, check: &str) -> bool {
        self.checks.iter().any(|(name, _)| name == check)
    }
}

/// The groups that a filter picks, for each kernel with at least one group.
pub fn kernel_runs<'a>(context: &'a Context, wanted: &Filter) -> Result<Vec<KernelRun<'a>>> {
    let project = &context.project;
    let (suites, modules) = (&project.suites, &project.modules);
    // Only suites need the guest program. If it fails to build, its cases stay unknown here. The
    // next attempt, as the group `build`, reports the error.
    let names_suite = |kernel: &Kernel| {
        let mut suites = kernel.suites.iter();
        suites.any(|suite| wanted.wants_suite(&kernel.name, suite))
    };
    let any_module = modules.iter().any(|module| wanted.names(module.name()));
    let guest = match project.kernels.iter().any(names_suite) || any_module {
        true => context.listing().ok(),
        false => None,
    };
    if let Some(guest) = guest {
        super::check::check(context, guest)?;
    }
    let mut runs = Vec::new();
    let asked = wanted.is_asked() || context.names_kernel();
    // A kernel that a module names tests that module, even if no suite boots there.
    let is_named = |kernel: &Kernel| {
        let mut named = modules.iter().flat_map(|module| &module.kernels);
        named.any(|name| *name == kernel.name)
    };
    let has_suites = |kernel: &Kernel| match asked {
        true => kernel.in_test || context.names_kernel() || wanted.names_kernels(),
        false => kernel.is_in_test(wanted.is_full()),
    };
    let several = wanted.names_kernels() || context.options.kernel.as_deref() == Some(ALL);
    for kernel in context.picked(|kernel| has_suites(kernel) || is_named(kernel))? {
        let here = several || kernel.name == context.kernel()?.name;
        let tried = modules.iter().filter(|module| {
            !wanted.is_torture()
                && module.is_tried_on(&kernel.name, here)
                && wanted.wants_suite(&kernel.name, module.name())
                && has_wanted(guest, &module.suite, wanted)
        });
        let mut run = KernelRun {
            kernel,
            checks: Vec::new(),
            suites: Vec::new(),
            modules: tried.cloned().collect(),
        };
        if !has_suites(kernel) {
            // Run only the modules that name this kernel.
        } else if asked || kernel.in_test {
            run.checks = checks(&project.parts, kernel.is_stock());
            run.checks
                .retain(|(name, _)| wanted.wants_check(&kernel.name, name));
            run.suites = suites_on(context, kernel, guest, wanted)?;
        } else {
            run.suites = short_form(kernel, suites)?;
        }
        if !run.groups().is_empty() {
            runs.push(run);
        }
    }
    Ok(runs)
}

/// The suites of a kernel's short form.
fn short_form(kernel: &Kernel, suites: &Suites) -> Result<Vec<Suite>> {
    let mut found = Vec::new();
    for part in kernel.short_form()? {
        let named = kernel.suites.iter().filter(|suite| part.names(suite));
        for name in named {
            found.push(Suite {
                short: Some(part.clone()),
                ..suites.find(name)?.clone()
            });
        }
    }
    Ok(found)
}

/// The suites that the filter picks on a kernel.
fn suites_on(
    context: &Context,
    kernel: &Kernel,
    guest: Option<&Listing>,
    wanted: &Filter,
) -> Result<Vec<Suite>> {
    let mut found = Vec::new();
    for name in &kernel.suites {
        let suite = context.project.suites.find(name)?;
        if !suite.is_picked_by(wanted) || !wanted.wants_suite(&kernel.name, name) {
            continue;
        }
        let any = match &suite.planted {
            Some(file) => !planted::pick(file, suite, wanted)?.is_empty(),
            None => has_wanted(guest, suite, wanted),
        };
        if any {
            found.push(suite.clone());
        }
    }
    Ok(found)
}

/// Whether a suite has any case that the filter picks.
fn has_wanted(guest: Option<&Listing>, suite: &Suite, wanted: &Filter) -> bool {
    let cases = guest.and_then(|guest| guest.cases_of(suite.guest()));
    // The cases are not known here, so leave the choice to the guest.
    cases.is_none_or(|cases| cases.iter().any(|case| wanted.wants_case(&case.name)))
}
