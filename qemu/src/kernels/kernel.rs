// SPDX-License-Identifier: GPL-2.0

//! The entry of a kernel.

use std::fmt;

use anyhow::Result;
use serde::Deserialize;

use crate::filter::Filter;
use crate::skips::Expected;
use crate::suites::{yes, Suite};

/// The entry of a kernel that modproof can provision.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// The name on the command line, in filters and in the cache.
    pub name: String,
    /// The name of the kernel's build root.
    pub(super) root: String,
    /// The origin of the kernel.
    pub from: Origin,
    /// The suites that boot on the kernel.
    #[serde(default)]
    pub suites: Vec<String>,
    /// Whether a plain `test` boots the kernel. Otherwise the user must ask for it.
    #[serde(default = "yes")]
    pub in_test: bool,
    /// The short form, for a `test` that does not name the kernel: SUITE or SUITE/CASE,CASE each.
    #[serde(default)]
    pub short: Vec<String>,
    /// The factor by which the kernel's boots may take longer than those of stock kernels.
    #[serde(default = "as_long")]
    pub patience: u32,
    /// Words for the kernel's command line, beside those of the suite.
    #[serde(default)]
    pub command_line: String,
    /// The troubles that skip the kernel's groups in place of failing the test.
    #[serde(default)]
    pub tolerated: Vec<Trouble>,
    /// The cases that may be skipped on the kernel.
    #[serde(skip)]
    pub skips: Vec<Expected>,
}

fn as_long() -> u32 {
    1
}

/// The origin of a kernel.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Origin {
    /// A kernel that Debian built.
    Stock(Stock),
    /// A kernel that modproof builds.
    Source(Source),
}

/// A kernel that Debian built.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    /// The Debian suite that has the kernel.
    pub suite: String,
    /// The choice among the suite's kernels.
    #[serde(default)]
    pub pick: Pick,
    /// The Debian kernel flavour.
    pub flavour: String,
    /// Stock modules for the guest.
    #[serde(default)]
    pub modules: Vec<String>,
}

/// A kernel that modproof builds from the source of one of Debian's kernels.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The name of the stock kernel whose source it uses.
    pub of: String,
    /// Files with options, from the project's folder or built in. All other options are off.
    pub config: Vec<String>,
    /// The text of these files.
    #[serde(skip)]
    pub options: String,
    /// Arguments for make that name the compilers.
    pub make: String,
}

/// The choice among a suite's kernels.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// The kernel that the metapackage names.
    #[default]
    Released,
    /// The newest kernel, even if the metapackage does not name it yet.
    Newest,
}

/// A trouble that prevents tests on a kernel.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The package list of the suite, or of the root's release, is expired.
    Expired,
    /// Packages of the suite's kernels are missing.
    NoKernel,
    /// A build for the kernel failed.
    Build,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the mirror serves an expired Release file",
            Self::NoKernel => "the suite has no complete kernel at this moment",
            Self::Build => "something cannot be built for this kernel",
        })
    }
}

impl Kernel {
    /// A kernel without suites.
    pub(super) fn new(name: &str, root: String, from: Origin) -> Self {
        Self {
            name: name.to_owned(),
            root,
            from,
            suites: Vec::new(),
            in_test: false,
            short: Vec::new(),
            patience: as_long(),
            command_line: String::new(),
            tolerated: Vec::new(),
            skips: Vec::new(),
        }
    }

    /// Whether `test` boots anything on the kernel unasked. `test --full` also boots short forms.
    pub fn is_in_test(&self, full: bool) -> bool {
        self.in_test || (full && !self.short.is_empty())
    }

    /// The suite on this kernel: with its full name, the kernel's words, and longer limits.
    pub fn suite(&self, suite: &Suite) -> Suite {
        let patience = u64::from(self.patience);
        Suite {
            name: format!("{}:{}", self.name, suite.name),
            guest: Some(suite.guest().to_owned()),
            command_line: format!("{} {}", suite.command_line, self.command_line),
            limit_seconds: suite.limit_seconds.saturating_mul(patience),
            silence_seconds: suite.silence_seconds.saturating_mul(patience),
            skips: {
                let of_suite = self.skips.iter().filter(|skip| skip.is_of(&suite.name));
                of_suite.cloned().collect()
            },
            ..suite.clone()
        }
    }

    /// The filters of the kernel's short form.
    pub fn short_form(&self) -> Result<Vec<Filter>> {
        let parts = self.short.iter();
        parts.map(|part| Filter::parse(Some(part))).collect()
    }

    /// Whether Debian built the kernel.
    pub fn is_stock(&self) -> bool {
        matches!(self.from, Origin::Stock(_))
    }

    /// The trouble behind an error, if the kernel tolerates it.
    pub fn tolerates(&self, error: &anyhow::Error) -> Option<Trouble> {
        let trouble = error.downcast_ref::<Trouble>().copied()?;
        self.tolerated.contains(&trouble).then_some(trouble)
    }
}
