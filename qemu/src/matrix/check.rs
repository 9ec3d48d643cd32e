// SPDX-License-Identifier: GPL-2.0

//! What must be true of kernels, suites and the guest together.

use anyhow::{bail, Result};
use harness_formats::Listing;

use crate::config::Suites;
use crate::{defects, shell, Context};

/// Each suite is booted on some kernel, the guest has cases for each, and each of the guest's is booted.
pub fn check(context: &Context, suites: &Suites, guest: &Listing) -> Result<()> {
    let booted = |name: &str| {
        context
            .kernels
            .iter()
            .any(|k| k.suites.iter().any(|s| s == name))
    };
    for suite in suites.iter().filter(|suite| suite.name != shell::SUITE) {
        let name = &suite.name;
        if suite.in_test && !booted(name) {
            bail!("no kernel of qemu/kernels.toml boots the suite {name}");
        }
        if guest.cases_of(suite.guest()).is_none_or(<[_]>::is_empty) {
            bail!("suite {name} of qemu/suites.toml: the guest has no cases for it");
        }
    }
    for known in &guest.suites {
        if !suites.iter().any(|suite| suite.guest() == known.name) {
            bail!(
                "no suite of qemu/suites.toml boots the guest's {}",
                known.name
            );
        }
    }
    defects::check(&context.repo, guest)
}
