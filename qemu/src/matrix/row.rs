// SPDX-License-Identifier: GPL-2.0

//! What is wanted of each kernel.

use anyhow::Result;
use modproof_formats::Listing;

use crate::checks::{CHECKS, OF_STOCK};
use crate::config::{Suite, Suites};
use crate::defects::{self, Defect};
use crate::filter::Filter;
use crate::kernels::Kernel;
use crate::modules::{Module, Modules};
use crate::Context;

/// What is done for one kernel.
pub struct Row<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) checks: Vec<(&'static str, &'static str)>,
    pub(super) suites: Vec<Suite>,
    pub(super) defects: Vec<Defect>,
    pub(super) modules: Vec<Module>,
}

impl Row<'_> {
    /// The full names of its groups, with what each shows.
    pub fn groups(&self) -> Vec<(String, &str)> {
        let mut groups = self.named(&self.checks, self.all_suites());
        groups.extend(self.defects_group());
        groups
    }

    /// Those that are about this project's own module.
    pub(super) fn own_groups(&self) -> Vec<(String, &str)> {
        let mut groups = self.named(&self.checks, self.suites.iter());
        groups.extend(self.defects_group());
        groups
    }

    /// Its kernel, as filters name it.
    pub fn kernel(&self) -> &str {
        &self.kernel.name
    }

    /// Words for people where only a kernel's short form runs.
    pub fn part(&self) -> &'static str {
        match self.suites.iter().any(|suite| suite.short.is_some()) {
            true => " (in part)",
            false => "",
        }
    }

    fn defects_group(&self) -> Option<(String, &str)> {
        let name = self.name(defects::GROUP.0);
        (!self.defects.is_empty()).then_some((name, defects::GROUP.1))
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
    pub fn cases(&self, known: &Listing, group: &str, wanted: &Filter) -> Vec<String> {
        if group == self.name(defects::GROUP.0) {
            return self.defects.iter().map(|d| d.name.clone()).collect();
        }
        let Some(suite) = self
            .all_suites()
            .find(|suite| self.name(&suite.name) == group)
        else {
            return Vec::new();
        };
        let cases = known.cases_of(suite.guest()).unwrap_or_default();
        let names = cases.iter().map(|case| case.name.clone());
        let wanted = suite.wanted(wanted);
        names.filter(|name| wanted.wants_case(name)).collect()
    }

    pub(super) fn name(&self, group: &str) -> String {
        format!("{}:{group}", self.kernel.name)
    }

    pub(super) fn has(&self, check: &str) -> bool {
        self.checks.iter().any(|(name, _)| *name == check)
    }
}

/// What the filter wants of each kernel; kernels of which it wants nothing are
/// left out.
pub fn rows<'a>(context: &'a Context, wanted: &Filter, modules: &Modules) -> Result<Vec<Row<'a>>> {
    let suites = Suites::load(&context.repo)?;
    // Only suites need the guest's program. If it cannot be built, its cases stay unknown here; the next
    // attempt, as the group `build`, reports why.
    let names_suite = |kernel: &Kernel| {
        let mut suites = kernel.suites.iter();
        suites.any(|suite| wanted.wants_suite(&kernel.name, suite))
    };
    let guest = match context.kernels.iter().any(names_suite) || modules.any(wanted) {
        true => context.listing().ok(),
        false => None,
    };
    if let Some(guest) = guest {
        super::check::check(context, &suites, guest)?;
    }
    let mut rows = Vec::new();
    let asked = wanted.is_asked() || modules.alone || context.names_kernel();
    let unasked = |kernel: &Kernel| match asked {
        true => kernel.in_test || wanted.names_kernels(),
        false => kernel.is_in_test(),
    };
    for kernel in context.picked(unasked)? {
        if !asked && !kernel.in_test {
            rows.push(short_form(kernel, &suites)?);
            continue;
        }
        let mut row = Row {
            kernel,
            checks: CHECKS.to_vec(),
            suites: Vec::new(),
            defects: Vec::new(),
            modules: modules.on(context, kernel, wanted)?,
        };
        row.modules.retain(|Module { suite, .. }| {
            !wanted.is_torture()
                && wanted.wants_suite(&kernel.name, &suite.name)
                && has_wanted(guest, suite, wanted)
        });
        row.checks.retain(|(name, _)| {
            let applies = kernel.is_stock() || !OF_STOCK.contains(name);
            !modules.alone && applies && wanted.wants_check(&kernel.name, name)
        });
        if !modules.alone {
            row.suites = suites_on(kernel, &suites, guest, wanted)?;
            let plants = kernel.suites.iter().any(|s| s == defects::GROUP.0);
            if plants && !wanted.is_torture() && wanted.wants_suite(&kernel.name, defects::GROUP.0)
            {
                row.defects = defects::pick(&context.repo, wanted)?;
            }
        }
        if !row.groups().is_empty() {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// What of a kernel is in every `make test`, where that is not all.
fn short_form<'k>(kernel: &'k Kernel, suites: &Suites) -> Result<Row<'k>> {
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
    Ok(Row {
        kernel,
        checks: Vec::new(),
        suites: found,
        defects: Vec::new(),
        modules: Vec::new(),
    })
}

/// The suites that are wanted on a kernel, but for the planted defects.
fn suites_on(
    kernel: &Kernel,
    suites: &Suites,
    guest: Option<&Listing>,
    wanted: &Filter,
) -> Result<Vec<Suite>> {
    let mut found = Vec::new();
    for name in kernel.suites.iter().filter(|s| *s != defects::GROUP.0) {
        let suite = suites.find(name)?;
        let named = suite.is_taken_by(wanted) && wanted.wants_suite(&kernel.name, name);
        if named && has_wanted(guest, suite, wanted) {
            found.push(suite.clone());
        }
    }
    Ok(found)
}

/// Whether a suite has any of the wanted cases.
fn has_wanted(guest: Option<&Listing>, suite: &Suite, wanted: &Filter) -> bool {
    let cases = guest.and_then(|guest| guest.cases_of(suite.guest()));
    // Not known here: the guest will tell.
    cases.is_none_or(|cases| cases.iter().any(|case| wanted.wants_case(&case.name)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::kernels::Kernels;

    /// By the names of kernels, what of theirs is wanted.
    fn wanted(filter: Option<&str>, torture: bool) -> Vec<(String, Vec<String>)> {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let suites = Suites::load(&repo).expect("suites");
        let filter = Filter::parse(filter).expect("a filter");
        let filter = filter.of_torture(torture);
        let kernels = Kernels::load(&repo).expect("kernels");
        let on = |kernel: &Kernel| {
            let found = suites_on(kernel, &suites, None, &filter).expect("suites");
            let names = found.into_iter().map(|suite| suite.name);
            (kernel.name.clone(), names.collect())
        };
        kernels.iter().map(on).collect()
    }

    #[test]
    fn torture_is_storms_shapes_and_tight_places() {
        let torture = wanted(None, true);
        let expected = [
            "debugfs-off",
            "little-memory",
            "lockdown-confidentiality",
            "lockdown-integrity",
            "shape-four-nodes",
            "shape-memory-after",
            "shape-memory-before",
            "shape-memory-between",
            "shape-one-node",
            "shape-two-sockets",
            "sig-enforce",
            "torture",
            "torture-smp",
        ];
        let all: BTreeSet<_> = torture.iter().flat_map(|(_, suites)| suites).collect();
        assert_eq!(all.into_iter().collect::<Vec<_>>(), expected);
        for (kernel, suites) in &torture {
            for each in ["debugfs-off", "torture"] {
                assert!(suites.iter().any(|s| s == each), "no {each} on {kernel}");
            }
        }
        let some = wanted(Some("sanitizer:*smp*"), true);
        let some: Vec<_> = some.iter().filter(|(_, s)| !s.is_empty()).collect();
        assert_eq!(some, [&("sanitizer".into(), vec!["torture-smp".into()])]);
        assert!(wanted(Some("tree"), true).iter().all(|(_, s)| s.is_empty()));
    }

    #[test]
    fn long_suites_are_run_where_they_are_asked_for() {
        let has = |found: &[(String, Vec<String>)], suite: &str| {
            found
                .iter()
                .any(|(_, suites)| suites.iter().any(|s| s == suite))
        };
        let test = wanted(None, false);
        assert!(has(&test, "torture") && !has(&test, "torture-smp"));
        assert!(has(&wanted(Some("torture-*"), false), "torture-smp"));
        assert!(!has(&wanted(Some("*"), false), "torture-smp"));
    }
}
