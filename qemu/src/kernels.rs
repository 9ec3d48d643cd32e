// SPDX-License-Identifier: GPL-2.0

//! `kernels.toml`: which kernels there are, and what is done with each.

mod check;

use std::fmt;
use std::path::Path;

use anyhow::{bail, Context, Result};
use serde::Deserialize;

use crate::config::{read_toml, Suite, Suites};
use crate::filter::Filter;
use crate::skips::{self, Expected};

const KERNELS: &str = "qemu/kernels.toml";

/// Whether a folder is a checkout of this project.
pub fn is_checkout(folder: &Path) -> bool {
    folder.join(KERNELS).is_file()
}

/// `kernels.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernels {
    packages: Packages,
    #[serde(rename = "root")]
    roots: Vec<Root>,
    #[serde(rename = "kernel")]
    kernels: Vec<Kernel>,
    #[serde(rename = "skip", default)]
    skips: Vec<skips::Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Packages {
    every_root: Vec<String>,
}

/// A build root.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// What it is called in the cache.
    pub name: String,
    /// The Debian release.
    pub release: String,
    /// Its packages, beside those that every root has.
    #[serde(default)]
    packages: Vec<String>,
    /// Its package of libhsakmt, if the release has one.
    pub hsakmt: Option<String>,
    /// What the release takes to make packages, if any are made there.
    #[serde(default)]
    pub packaging: Vec<String>,
    /// What of the release the guest of `make bench` has.
    pub tools: Option<Tools>,
    /// What of the release the host's tests run.
    pub host_tools: Option<Tools>,
}

/// Programs of a release.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    /// The packages that they are in, but for those of the root.
    pub packages: Vec<String>,
    /// Their paths.
    pub programs: Vec<String>,
}

/// A kernel to be provisioned.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// What it is called on the command line, in filters and in the cache.
    pub name: String,
    /// The name of its build root.
    root: String,
    /// Where it comes from.
    pub from: Origin,
    /// What is booted on it.
    pub suites: Vec<String>,
    /// Whether `make test` boots it without being asked for it by name.
    #[serde(default = "crate::config::yes")]
    pub in_test: bool,
    /// What `make test` boots of it otherwise, SUITE or SUITE/CASE,CASE: a short form.
    #[serde(default)]
    pub short: Vec<String>,
    /// How many times longer than stock kernels its boots may take.
    #[serde(default = "as_long")]
    pub patience: u32,
    /// Words for its command line, beside those of the suite.
    #[serde(default)]
    pub command_line: String,
    /// What may be wrong with it without failing `make test`.
    #[serde(default)]
    pub tolerated: Vec<Trouble>,
    /// Which cases it may skip.
    #[serde(skip)]
    pub skips: Vec<Expected>,
}

fn as_long() -> u32 {
    1
}

/// The name by which all kernels are meant.
pub const ALL: &str = "all";

/// Where a kernel comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Origin {
    /// Debian has built it.
    Stock(Stock),
    /// It is built here.
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
    pub modules: Vec<String>,
}

/// A kernel that is built here, from the source of one of Debian's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The kernel whose source it is.
    pub of: String,
    /// Files of the repository with options; all others are off.
    pub config: Vec<String>,
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

/// What can be wrong with a kernel, other than what the tests find.
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
    /// Whether `make test` boots any of it without being asked for it by name.
    pub fn is_in_test(&self) -> bool {
        self.in_test || !self.short.is_empty()
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

    /// What an error says is wrong, if it is what may be.
    pub fn tolerates(&self, error: &anyhow::Error) -> Option<Trouble> {
        let trouble = error.downcast_ref::<Trouble>().copied()?;
        self.tolerated.contains(&trouble).then_some(trouble)
    }
}

impl Kernels {
    /// Reads `kernels.toml` of the repository.
    pub fn load(repo: &Path) -> Result<Self> {
        let suites = Suites::load(repo)?;
        let mut kernels: Self = read_toml(&repo.join(KERNELS))?;
        let checked = kernels.check(&suites).and_then(|()| kernels.tell_skips());
        checked.context("cannot use qemu/kernels.toml")?;
        Ok(kernels)
    }

    /// Tells each kernel which cases it may skip.
    fn tell_skips(&mut self) -> Result<()> {
        for entry in &self.skips {
            for name in &entry.kernels {
                let kernel = self.kernels.iter_mut().find(|kernel| kernel.name == *name);
                kernel
                    .with_context(|| format!("skip {}: there is no kernel {name}", entry.cases))?
                    .skips
                    .push(entry.expected()?);
            }
        }
        Ok(())
    }

    /// The kernel of that name; the first one, if there is none or it means all.
    pub fn find(&self, name: Option<&str>) -> Result<&Kernel> {
        let Some(name) = name.filter(|name| *name != ALL) else {
            return Ok(&self.kernels[0]);
        };
        let Some(kernel) = self.kernels.iter().find(|k| k.name == name) else {
            let known: Vec<_> = self.names().collect();
            bail!(
                "no kernel named {name} in qemu/kernels.toml; there is: {}",
                known.join(", ")
            );
        };
        Ok(kernel)
    }

    /// The first kernel that a Debian release is for.
    pub fn of_release(&self, release: &str) -> Option<&Kernel> {
        let is_of = |kernel: &&Kernel| self.root_of(kernel).is_ok_and(|r| r.release == release);
        self.kernels.iter().find(is_of)
    }

    /// All kernels in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Kernel> {
        self.kernels.iter()
    }

    /// The names of all kernels.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kernels.iter().map(|k| k.name.as_str())
    }

    /// The names of all build roots.
    pub fn root_names(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().map(|r| r.name.as_str())
    }

    /// The kernel's build root.
    pub fn root_of(&self, kernel: &Kernel) -> Result<&Root> {
        let found = self.roots.iter().find(|r| r.name == kernel.root);
        found.with_context(|| format!("kernel {}: there is no root {}", kernel.name, kernel.root))
    }

    /// The packages of a build root.
    pub fn packages_of(&self, root: &Root) -> Vec<String> {
        let mut packages = self.packages.every_root.clone();
        packages.extend(root.packages.iter().chain(&root.hsakmt).cloned());
        packages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_not_expected() {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let kernels = Kernels::load(&repo).expect("kernels");
        let suites = Suites::load(&repo).expect("suites");
        let expects = |kernel: &str, suite: &str, case: &str, why: &str| {
            let kernel = kernels.find(Some(kernel)).expect("a kernel");
            let suite = suites.find(suite).expect("a suite");
            kernel.suite(suite).may_skip(case, why)
        };
        let case = "every-allocation-of-a-read-fails";
        let why = "the kernel has no fault injection (FAULT_INJECTION)";
        assert!(expects("trixie-backports", "torture", case, why));
        assert!(!expects(
            "trixie-backports",
            "torture",
            case,
            "no such file"
        ));
        assert!(!expects("trixie-backports", "tree", case, why));
        assert!(!expects("sanitizer", "torture", case, why));
    }
}
