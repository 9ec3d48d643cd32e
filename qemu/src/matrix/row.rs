// SPDX-License-Identifier: GPL-2.0

//! What is wanted of each kernel.

use anyhow::{bail, Result};

use crate::checks::{CHECKS, OF_STOCK};
use crate::config::{Suite, Suites};
use crate::defects::{self, Defect};
use crate::filter::Filter;
use crate::kernels::Kernel;
use crate::known;
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
    pub fn cases(&self, context: &Context, group: &str, wanted: &Filter) -> Result<Vec<String>> {
        if group == self.name(defects::GROUP.0) {
            return Ok(self.defects.iter().map(|d| d.name.clone()).collect());
        }
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
            if name == defects::GROUP.0 && wanted.wants_suite(&kernel.name, name) {
                row.defects = defects::pick(&context.repo, wanted)?;
            }
            let asked_for = suite.in_test || wanted.asks_for(name);
            if name != defects::GROUP.0
                && asked_for
                && wanted.wants_suite(&kernel.name, name)
                && has_wanted(suite)
            {
                row.suites.push(suite.clone());
            }
        }
        if !row.groups().is_empty() {
            rows.push(row);
        }
    }
    Ok(rows)
}
