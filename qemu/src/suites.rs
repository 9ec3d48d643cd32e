// SPDX-License-Identifier: GPL-2.0

//! The suites: descriptions of guests to boot.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use modproof_formats::words;
use serde::Deserialize;

use crate::filter::Filter;
use crate::names::{check_name, check_names};
use crate::parts::Parts;
use crate::qemu::Machine;
use crate::skips::Expected;

/// The suites that every project has, as text.
const BUILT_IN: &str = include_str!("../suites.toml");

/// The suites of a project.
#[derive(Debug)]
pub struct Suites(Vec<Suite>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    suite: Vec<Suite>,
}

/// The description of one boot of a guest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The name of the suite.
    pub name: String,
    /// The suite's name inside the guest. Default: `name`.
    pub guest: Option<String>,
    /// A description for people.
    pub about: String,
    /// Words added to the kernel's command line.
    #[serde(default)]
    pub command_line: String,
    /// The parts of the project that the guest gets.
    #[serde(default)]
    pub with: BTreeSet<String>,
    /// The file of the defects that the suite's cases plant. Each defect has its own boot, which
    /// must fail as that file says.
    pub planted: Option<PathBuf>,
    /// The virtual machine of the guest.
    #[serde(default)]
    pub machine: Machine,
    /// The longest time for the boot, in seconds.
    pub limit_seconds: u64,
    /// The longest time without output on any serial port, in seconds.
    pub silence_seconds: u64,
    /// The stock modules in the snapshot from which cases can start. `None`: the suite always boots
    /// cold. A single case may always boot cold, too: see `Case::cold`.
    pub warm: Option<Vec<String>>,
    /// Whether a plain `test` runs the suite. Otherwise the user must name it.
    #[serde(default = "yes")]
    pub in_test: bool,
    /// Whether only `test --full` runs the suite, because it takes long.
    #[serde(default)]
    pub slow: bool,
    /// The cases that only `test --full` runs, because they take long.
    #[serde(default)]
    pub slow_cases: Vec<String>,
    /// Whether `test --torture` runs it.
    #[serde(default)]
    pub torture: bool,
    /// The cases of the suite that may be skipped on a kernel.
    #[serde(skip)]
    pub skips: Vec<Expected>,
    /// The cases to run if the user asks for nothing. `None`: all cases.
    #[serde(skip)]
    pub short: Option<Filter>,
}

pub(crate) fn yes() -> bool {
    true
}

impl Suite {
    /// Fails if the suite wants warm starts but cannot have them: a restored guest keeps the kernel
    /// words and the machine of its snapshot.
    fn check(&self) -> Result<()> {
        check_name("suite", self.guest())?;
        self.machine.check()?;
        if self.warm.is_some() && self.machine != Machine::default() {
            bail!("it has a machine of its own, so it cannot start warm");
        }
        let mut line = self.command_line.split_whitespace();
        if self.warm.is_some() && !line.all(|word| word.starts_with(words::PREFIX)) {
            bail!(
                "it has words for the kernel ({}), so it cannot start warm",
                self.command_line
            );
        }
        Ok(())
    }

    /// The longest time that the guest may run.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.limit_seconds)
    }

    /// The suite's name inside the guest.
    pub fn guest(&self) -> &str {
        self.guest.as_ref().unwrap_or(&self.name)
    }

    /// Whether a filter picks the suite.
    pub fn is_picked_by(&self, filter: &Filter) -> bool {
        match filter.is_torture() {
            true => self.torture,
            false => {
                let is_due = !self.slow || filter.reaches_slow(&self.name);
                (self.in_test && is_due) || filter.asks_for(&self.name)
            }
        }
    }

    /// Whether a plain test leaves out a case that takes long.
    pub fn leaves_out(&self, case: &str, asked: &Filter) -> bool {
        !asked.reaches_slow(&self.name) && self.slow_cases.iter().any(|slow| slow == case)
    }

    /// The filter for the suite's cases: its short form if it has one, or else `asked`.
    pub fn wanted<'f>(&'f self, asked: &'f Filter) -> &'f Filter {
        self.short.as_ref().unwrap_or(asked)
    }

    /// Whether a case of the suite may be skipped for that reason.
    pub fn may_skip(&self, case: &str, why: &str) -> bool {
        self.skips.iter().any(|skip| skip.is(case, why))
    }
}

impl Suites {
    /// The built-in suites and a project's own. An own suite replaces a built-in one of that name.
    pub fn of(own: Vec<Suite>, parts: &Parts) -> Result<Self> {
        check_names("suite", own.iter().map(|suite| suite.name.as_str()))?;
        let built_in: File = toml::from_str(BUILT_IN).context("the built-in suites")?;
        let mut suites = built_in.suite;
        suites.retain(|suite| own.iter().all(|other| other.name != suite.name));
        suites.splice(0..0, own);
        for suite in &suites {
            let checked = suite.check();
            let checked =
                checked.and_then(|()| suite.with.iter().try_for_each(|part| parts.expect(part)));
            checked.with_context(|| format!("suite {}", suite.name))?;
        }
        Ok(Self(suites))
    }

    /// The suite of that name.
    pub fn find(&self, name: &str) -> Result<&Suite> {
        let found = self.0.iter().find(|suite| suite.name == name);
        found.with_context(|| format!("there is no suite {name}"))
    }

    /// All suites in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Suite> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_kernel_and_other_machines_need_a_cold_boot() {
        let suite = |lines: &str| {
            let text = format!(
                "name='a'\nabout='b'\nlimit_seconds=1\nsilence_seconds=1\nwarm=[]\n{lines}"
            );
            toml::from_str::<Suite>(&text).expect("a suite").check()
        };
        assert!(suite("").is_ok() && suite("command_line='modproof.lie=xgmi'").is_ok());
        let error = suite("command_line='modproof.lie=xgmi debugfs=off'").expect_err("not warm");
        assert!(error.to_string().contains("debugfs=off"), "{error}");
        for machine in ["machine.cpus=2", "machine.numa=['cpu','memory']"] {
            let error = suite(machine).expect_err("not warm");
            assert!(error.to_string().contains("machine of its own"), "{error}");
        }
        let error = suite("machine.numa=['memory']").expect_err("no CPU");
        assert!(error.to_string().contains("no node"), "{error}");
    }
}
