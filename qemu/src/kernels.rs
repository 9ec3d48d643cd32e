// SPDX-License-Identifier: GPL-2.0

//! `kernels.toml`: which kernels there are, and what is done with each.

mod check;
mod kernel;

use std::path::Path;

use anyhow::{bail, Context, Result};
use serde::Deserialize;

use crate::config::{read_toml, Suites};
use crate::skips;
pub use kernel::{Kernel, Origin, Pick, Source, Stock, Trouble};

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

/// The name by which all kernels are meant.
pub const ALL: &str = "all";

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
