// SPDX-License-Identifier: GPL-2.0

//! The kernels of a project: the built-in ones, and the project's additions.

mod check;
mod kernel;
mod more;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{bail, Context, Result};
use serde::Deserialize;

use crate::skips;
use crate::suites::Suites;
pub use kernel::{Kernel, Origin, Pick, Source, Stock, Trouble};
pub use more::{KernelMore, RootMore};

/// The kernels that every project has, as text.
const BUILT_IN: &str = include_str!("../kernels.toml");

/// The kernels of a project.
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
    /// The name of the root, which is also its folder in the cache.
    pub name: String,
    /// The Debian release.
    pub release: String,
    /// More packages, beside those that every root has.
    #[serde(default)]
    pub packages: Vec<String>,
}

/// The value of `--kernel` for all kernels.
pub const ALL: &str = "all";

impl Kernels {
    /// The built-in kernels, with the additions of a project in that folder.
    pub fn of(
        folder: &Path,
        more: BTreeMap<String, KernelMore>,
        roots: BTreeMap<String, RootMore>,
        skips: Vec<skips::Entry>,
        suites: &Suites,
    ) -> Result<Self> {
        let mut kernels: Self = toml::from_str(BUILT_IN).context("the built-in kernels")?;
        for (name, more) in roots {
            let root = kernels.roots.iter_mut().find(|root| root.name == name);
            let root = root.with_context(|| format!("root.{name}: there is no such root"))?;
            root.packages.extend(more.packages);
        }
        for (name, more) in more {
            kernels.add(folder, &name, more)?;
        }
        for kernel in &mut kernels.kernels {
            kernel.read_config(folder)?;
        }
        kernels.check(suites)?;
        kernels.skips.extend(skips);
        kernels.tell_skips()?;
        Ok(kernels)
    }

    /// Adds to a kernel, or adds a new kernel.
    fn add(&mut self, folder: &Path, name: &str, more: KernelMore) -> Result<()> {
        let known = self.kernels.iter_mut().find(|kernel| kernel.name == name);
        match (known, more.root.clone(), more.from.clone()) {
            (Some(kernel), None, None) => kernel.add(more),
            (None, Some(root), Some(from)) => {
                let mut kernel = Kernel::new(name, root, from);
                kernel.add(more)?;
                self.kernels.push(kernel);
                Ok(())
            }
            (Some(_), _, _) => bail!("kernel.{name} is built in: it has a root and an origin"),
            (None, _, _) => bail!(
                "kernel.{name}: there is no such kernel, and a new one needs `root` and `from`"
            ),
        }
        .with_context(|| format!("in {}", folder.display()))
    }

    /// Gives each kernel the list of cases that it may skip.
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

    /// The kernel of that name. Without a name, or for `all`, the first kernel.
    pub fn find(&self, name: Option<&str>) -> Result<&Kernel> {
        let Some(name) = name.filter(|name| *name != ALL) else {
            return Ok(&self.kernels[0]);
        };
        let Some(kernel) = self.kernels.iter().find(|k| k.name == name) else {
            let known: Vec<_> = self.names().collect();
            bail!("there is no kernel {name}, but: {}", known.join(", "));
        };
        Ok(kernel)
    }

    /// The first kernel whose build root is of that Debian release.
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
        packages.extend(root.packages.iter().cloned());
        packages
    }
}
