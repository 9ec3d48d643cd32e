// SPDX-License-Identifier: GPL-2.0

//! The description of a guest program: its suites, and its hooks into the library.

use std::process::ExitCode;

use anyhow::{ensure, Result};
use modproof_formats::{CaseListing, Listing, SuiteListing};

use crate::any_module;
use crate::case::Case;
use crate::ctx::Ctx;
use crate::kmemleak::KnownLoss;

/// The name of a suite, and its cases in the order of running.
pub type Suite = (&'static str, &'static [Case]);

/// The name of a list, and its entries.
pub type List = (&'static str, fn() -> Vec<String>);

/// A helper: with this name as its first argument, the program only runs the function, on the
/// remaining arguments.
pub type Verb = (&'static str, fn(&[String]) -> ExitCode);

/// A guest program. Set the fields that differ from [`Program::BARE`].
pub struct Program {
    /// The suites. The library adds `any-module`.
    pub suites: &'static [Suite],
    /// The names of the words on the kernel command line that the library does not know. A case
    /// reads them by [`Options::word`](crate::cmdline::Options::word).
    pub words: &'static [&'static str],
    /// Unloads the modules that a case left loaded.
    pub clean_up: fn() -> Result<()>,
    /// Prepares the guest for a prompt, as by loading modules.
    pub prepare_shell: fn(&Ctx) -> Result<()>,
    /// The text that the prompt shows first.
    pub shell_hint: &'static str,
    /// Known leaks of the kernel itself.
    pub known_losses: &'static [KnownLoss],
    /// Lists that the host may offer as choices, by name.
    pub lists: &'static [List],
    /// The program's own helper processes.
    pub verbs: &'static [Verb],
}

impl Program {
    /// The generic program: it has only the suite `any-module`.
    pub const BARE: Self = Self {
        suites: &[],
        words: &[],
        clean_up: || Ok(()),
        prepare_shell: any_module::load_for_shell,
        shell_hint: "/modules has the files of the modules; lsmod lists those that are loaded.\n",
        known_losses: &[],
        lists: &[],
        verbs: &[],
    };

    /// All suites, with the library's `any-module`.
    pub fn all_suites(&self) -> impl Iterator<Item = Suite> + '_ {
        let own = self.suites.iter().copied();
        own.chain([("any-module", any_module::CASES)])
    }

    /// The cases of a suite.
    pub fn suite(&self, name: &str) -> Option<&'static [Case]> {
        let found = self.all_suites().find(|(suite, _)| *suite == name);
        found.map(|(_, cases)| cases)
    }

    /// The suites, cases and lists from which the host can choose.
    pub fn listing(&self) -> Listing {
        let case = |case: &Case| CaseListing {
            name: case.name.to_owned(),
            cold: case.cold,
            keeps_modules: case.keeps_modules,
        };
        let suite = |(name, cases): Suite| SuiteListing {
            name: name.to_owned(),
            cases: cases.iter().map(case).collect(),
        };
        let lists = self.lists.iter();
        Listing {
            suites: self.all_suites().map(suite).collect(),
            lists: lists
                .map(|(name, list)| ((*name).to_owned(), list()))
                .collect(),
        }
    }

    /// Fails unless all names are unique and fit KTAP and globs. For a unit test of the program.
    pub fn check_names(&self) -> Result<()> {
        let mut suites = Vec::new();
        for (suite, cases) in self.all_suites() {
            ensure!(!suites.contains(&suite), "two suites {suite}");
            suites.push(suite);
            ensure!(!cases.is_empty(), "suite {suite} has no case");
            let mut names = Vec::new();
            for name in cases.iter().map(|case| case.name) {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                ensure!(name.chars().all(plain), "{suite}/{name}: not a plain name");
                ensure!(!names.contains(&name), "two cases {suite}/{name}");
                names.push(name);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: fn(&mut Ctx) -> Result<()> = |_| Ok(());

    fn program(suites: &'static [Suite]) -> Program {
        Program {
            suites,
            ..Program::BARE
        }
    }

    #[test]
    fn the_generic_suite_comes_last() {
        const SUITES: &[Suite] = &[("own", &[Case::cold("a", NONE)])];
        let program = Program {
            lists: &[("colours", || vec!["red".to_owned()])],
            ..program(SUITES)
        };
        program.check_names().unwrap();
        let listing = program.listing();
        let names: Vec<_> = listing.suites.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["own", "any-module"]);
        assert!(listing.cases_of("own").unwrap()[0].cold);
        assert_eq!(listing.list("colours"), ["red"]);
        assert!(program.suite("own").is_some() && program.suite("").is_none());
    }

    #[test]
    fn names_are_unique_and_plain() {
        const TWICE: &[Case] = &[Case::new("a", NONE), Case::new("a", NONE)];
        const ONE: &[Case] = &[Case::new("a", NONE)];
        const WRONG: [&[Suite]; 5] = [
            &[("s", &[])],
            &[("s", TWICE)],
            &[("s", &[Case::new("a*", NONE)])],
            &[("s", ONE), ("s", ONE)],
            &[("any-module", ONE)],
        ];
        for suites in WRONG {
            assert!(program(suites).check_names().is_err());
        }
        assert!(program(&[("s", ONE), ("t", ONE)]).check_names().is_ok());
    }
}
