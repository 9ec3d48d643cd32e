// SPDX-License-Identifier: GPL-2.0

//! A kernel.

use std::fmt;

use anyhow::Result;
use serde::Deserialize;

use crate::filter::Filter;
use crate::skips::Expected;
use crate::suites::{yes, Suite};

/// A kernel to be provisioned.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// Its name on the command line, in filters and in the cache.
    pub name: String,
    /// The name of its build root.
    pub(super) root: String,
    /// Its origin.
    pub from: Origin,
    /// The suites that are booted on it.
    #[serde(default)]
    pub suites: Vec<String>,
    /// Whether `test` boots it though nobody asks for it by name.
    #[serde(default = "yes")]
    pub in_test: bool,
    /// The short form, for a `test` where nobody asks for it: each SUITE or SUITE/CASE,CASE.
    #[serde(default)]
    pub short: Vec<String>,
    /// Its boots may take that many times longer than those of stock kernels.
    #[serde(default = "as_long")]
    pub patience: u32,
    /// Words for its command line, beside those of the suite.
    #[serde(default)]
    pub command_line: String,
    /// The troubles that do not fail a test: its groups are skipped.
    #[serde(default)]
    pub tolerated: Vec<Trouble>,
    /// Which cases it may skip.
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
    /// Debian has built it.
    Stock(Stock),
    /// This program builds it.
    Source(Source),
}

/// A kernel that Debian has built.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    /// The suite it is taken from.
    pub suite: String,
    /// Which of its kernels.
    #[serde(default)]
    pub pick: Pick,
    /// The Debian kernel flavour.
    pub flavour: String,
    /// Stock modules for the guest.
    #[serde(default)]
    pub modules: Vec<String>,
}

/// A kernel that is built here, from the source of one of Debian's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The kernel whose source it is.
    pub of: String,
    /// Files with options, in the project's folder or of this program; all other options are off.
    pub config: Vec<String>,
    /// The text of these files.
    #[serde(skip)]
    pub options: String,
    /// Words for make that name the compilers.
    pub make: String,
}

/// Which of a suite's kernels.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// The one that the metapackage names.
    #[default]
    Released,
    /// The newest, whether the metapackage names it yet or not.
    Newest,
}

/// A trouble with a kernel that no test finds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// Of its suite or of its root's release.
    Expired,
    /// The packages of its kernels are not all there.
    NoKernel,
    /// Of what is built for it.
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
    /// One that nothing is booted on yet.
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

    /// Whether `test` boots any of it though nobody asks for it by name; `test --full` also boots
    /// short forms.
    pub fn is_in_test(&self, full: bool) -> bool {
        self.in_test || (full && !self.short.is_empty())
    }

    /// A suite on it: by its full name, with the kernel's words and all the time it has.
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

    /// The parts of its short form.
    pub fn short_form(&self) -> Result<Vec<Filter>> {
        let parts = self.short.iter();
        parts.map(|part| Filter::parse(Some(part))).collect()
    }

    /// Whether Debian has built it.
    pub fn is_stock(&self) -> bool {
        matches!(self.from, Origin::Stock(_))
    }

    /// The trouble of an error, if this kernel tolerates it.
    pub fn tolerates(&self, error: &anyhow::Error) -> Option<Trouble> {
        let trouble = error.downcast_ref::<Trouble>().copied()?;
        self.tolerated.contains(&trouble).then_some(trouble)
    }
}
