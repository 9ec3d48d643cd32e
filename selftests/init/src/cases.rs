// SPDX-License-Identifier: GPL-2.0

//! The suites and their cases, by name.

use std::collections::BTreeMap;

use anyhow::Result;
use modproof_formats::{CaseListing, Listing, SuiteListing, ADDED};
use modproof_guest::Ctx;

use crate::{kmemleak, truth};

mod announce;
mod any_module;
mod asleep;
mod bench;
mod cards;
mod crowd;
mod debugfs_off;
mod defects;
mod demo;
mod dkms;
mod doctor;
mod fail_nth;
mod fixture_moments;
mod fixture_words;
mod headers;
mod held;
mod hung_probe;
mod leaks;
mod libhsakmt;
mod libhsakmt_limits;
mod libraries;
mod lies;
mod lifecycle;
mod load_window;
mod modinfo;
mod mutate;
mod net_namespace;
mod oddities;
mod paths;
mod readers;
mod reading;
mod requests;
mod requests_kinds;
mod requests_last;
mod requests_life;
mod requests_whose;
mod restricted;
mod run_command;
mod scarce;
mod shapes;
mod stock;
mod storm;
mod tables;
mod torture;
mod trouble;
mod unload;
mod views;

pub use demo::LIE;
pub use stock::need_amdgpu;

/// One named test: it passes if it gives back `Ok`.
pub struct Case {
    /// The name, as KTAP and `rdna1.cases=` have it.
    pub name: &'static str,
    /// What it does.
    pub run: fn(&mut Ctx) -> Result<()>,
    /// Whether the modules it loads stay, if it passes, for the case that follows.
    pub keeps_modules: bool,
    /// Whether it needs a boot: what it is about is gone in a guest that was saved with modules loaded.
    pub cold: bool,
}

impl Case {
    const fn new(name: &'static str, run: fn(&mut Ctx) -> Result<()>) -> Self {
        Self {
            name,
            run,
            keeps_modules: false,
            cold: false,
        }
    }

    const fn cold(name: &'static str, run: fn(&mut Ctx) -> Result<()>) -> Self {
        Self {
            cold: true,
            ..Self::new(name, run)
        }
    }

    const fn keeping_modules(name: &'static str, run: fn(&mut Ctx) -> Result<()>) -> Self {
        Self {
            keeps_modules: true,
            ..Self::new(name, run)
        }
    }
}

/// What follows the last case of every suite, on a kernel with kmemleak.
pub const LAST: Case = Case::new(ADDED, kmemleak::nothing_lost);

/// Every suite, for the kernel boot that it needs, with its cases in the order of running.
const SUITES: &[(&str, &[Case])] = &[
    ("no-amdgpu", lifecycle::CASES),
    ("debugfs-off", debugfs_off::CASES),
    ("tree", tables::TREE),
    ("fixture", tables::FIXTURE),
    ("shapes", shapes::CASES),
    ("stock", tables::STOCK),
    ("fixture-stock", tables::FIXTURE_STOCK),
    ("requests", tables::REQUESTS),
    ("requests-smp", tables::REQUESTS_SMP),
    ("torture", tables::TORTURE),
    ("restricted", restricted::CASES),
    ("scarce", scarce::CASES),
    ("headers", headers::CASES),
    ("headers-with-btf", headers::WITH_BTF),
    ("headers-wrong-version", headers::WRONG_VERSION),
    ("headers-no-version", headers::NO_VERSION),
    ("rdna1ctl", tables::DOCTOR),
    ("demo", demo::CASES),
    ("defects", defects::CASES),
    ("any-module", any_module::CASES),
    ("bench", bench::CASES),
    ("cost", bench::GUARD),
];

/// The cases of a suite.
pub fn suite(name: &str) -> Option<&'static [Case]> {
    SUITES
        .iter()
        .find(|(suite, _)| *suite == name)
        .map(|(_, cases)| *cases)
}

/// The suites, cases and rules that the host can choose from.
pub fn listing() -> Listing {
    let case = |case: &Case| CaseListing {
        name: case.name.to_owned(),
        cold: case.cold,
        keeps_modules: case.keeps_modules,
    };
    let suite = |(name, cases): &(&str, &[Case])| SuiteListing {
        name: (*name).to_owned(),
        cases: cases.iter().map(case).collect(),
    };
    Listing {
        suites: SUITES.iter().map(suite).collect(),
        lists: BTreeMap::from([(
            "rules".to_owned(),
            truth::rules().map(str::to_owned).collect(),
        )]),
    }
}

/// The names of all suites.
pub fn suite_names() -> Vec<&'static str> {
    SUITES.iter().map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_ktap_and_globs() {
        for (suite, cases) in SUITES {
            assert!(!cases.is_empty(), "{suite}");
            for (at, case) in cases.iter().enumerate() {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                assert!(case.name.chars().all(plain), "{}", case.name);
                assert!(
                    cases[..at].iter().all(|other| other.name != case.name),
                    "{}",
                    case.name
                );
            }
        }
        assert!(suite("tree").is_some() && suite("").is_none());
    }
}
