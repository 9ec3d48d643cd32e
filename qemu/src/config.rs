// SPDX-License-Identifier: GPL-2.0

//! The data files: which kernels there are, and which suites are booted.

use std::path::Path;

use anyhow::{bail, Context, Result};
use serde::Deserialize;

const KERNELS: &str = "qemu/kernels.toml";

/// Whether a folder is a checkout of this project.
pub fn is_checkout(folder: &Path) -> bool {
    folder.join(KERNELS).is_file()
}

/// `kernels.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernels {
    root: RootPackages,
    #[serde(rename = "kernel")]
    kernels: Vec<Kernel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RootPackages {
    packages: Vec<String>,
}

/// A kernel to be provisioned.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// What it is called on the command line and in the cache.
    pub name: String,
    /// The Debian release of the build root.
    pub release: String,
    /// The suite the kernel is taken from.
    pub suite: String,
    /// The Debian kernel flavour.
    pub flavour: String,
    /// Stock modules for the guest.
    pub modules: Vec<String>,
    /// The package of libhsakmt, if the release has one.
    pub hsakmt: Option<String>,
}

impl Kernels {
    /// Reads `kernels.toml` of the repository.
    pub fn load(repo: &Path) -> Result<Self> {
        let kernels: Self = read_toml(&repo.join(KERNELS))?;
        if kernels.kernels.is_empty() {
            bail!("qemu/kernels.toml names no kernel");
        }
        Ok(kernels)
    }

    /// The kernel of that name, or the first one.
    pub fn find(&self, name: Option<&str>) -> Result<&Kernel> {
        let Some(name) = name else {
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

    /// The names of all kernels.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kernels.iter().map(|k| k.name.as_str())
    }

    /// The packages of a kernel's build root.
    pub fn root_packages(&self, kernel: &Kernel) -> Vec<String> {
        let own = kernel.hsakmt.iter();
        self.root.packages.iter().chain(own).cloned().collect()
    }
}

/// `suites.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suites {
    #[serde(rename = "suite")]
    suites: Vec<Suite>,
}

/// One boot of the guest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// What it is called here.
    pub name: String,
    /// The name the guest knows it by, if another.
    guest: Option<String>,
    /// What it shows.
    pub about: String,
    /// Words added to the kernel's command line.
    #[serde(default)]
    pub command_line: String,
    /// Whether the guest has libhsakmt and the program that asks it.
    #[serde(default)]
    pub hsakmt: bool,
    /// The longest the whole boot may take.
    pub limit_seconds: u64,
    /// The longest that no serial port may say anything.
    pub silence_seconds: u64,
    /// Whether `make test` runs it.
    #[serde(default = "yes")]
    pub in_test: bool,
}

fn yes() -> bool {
    true
}

impl Suite {
    /// The name the guest knows it by.
    pub fn guest(&self) -> &str {
        self.guest.as_ref().unwrap_or(&self.name)
    }
}

impl Suites {
    /// Reads `suites.toml` of the repository.
    pub fn load(repo: &Path) -> Result<Self> {
        read_toml(&repo.join("qemu/suites.toml"))
    }

    /// The suite of that name.
    pub fn find(&self, name: &str) -> Result<&Suite> {
        self.suites
            .iter()
            .find(|s| s.name == name)
            .with_context(|| format!("no suite named {name} in qemu/suites.toml"))
    }

    /// All suites in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Suite> {
        self.suites.iter()
    }
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("cannot use {}", path.display()))
}
