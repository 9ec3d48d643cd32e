// SPDX-License-Identifier: GPL-2.0

//! `modproof.toml`, the description of a project.

mod file;

use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use crate::checks::{LINT, MODULE, SYMBOLS};
use crate::kernels::Kernels;
use crate::modules::Module;
use crate::names::check_names;
use crate::parts::{in_folder, Parts};
use crate::suites::Suites;
use file::File;

/// The names of groups and steps that every project has. They are reserved.
const STEPS: [&str; 5] = [SYMBOLS, MODULE, LINT, "build", "provision"];

/// The name of the project's file.
pub const FILE: &str = "modproof.toml";

/// A project: the contents of its file, and the built-in kernels and suites.
pub struct Project {
    /// The path of the project's file.
    pub file: PathBuf,
    /// The folder in which cargo builds guest programs. `None`: the folder of the project's file.
    pub workspace: Option<PathBuf>,
    /// The cargo package of the project's own guest program. `None`: the installed one.
    pub guest: Option<String>,
    /// The parts that guests can have.
    pub parts: Parts,
    /// The suites.
    pub suites: Suites,
    /// The modules of `[[module]]` sections, which modproof's own cases test.
    pub modules: Vec<Module>,
    /// The kernels.
    pub kernels: Kernels,
}

impl Project {
    /// Loads the project with that file or folder, or else that of the current folder or of the
    /// nearest folder above it.
    pub fn load(named: Option<&Path>) -> Result<Self> {
        let file = find(named)?;
        let read = Self::read(&file);
        read.with_context(|| format!("cannot use {}", file.display()))
    }

    fn read(path: &Path) -> Result<Self> {
        let folder = path.parent().context("a file without a folder")?;
        let mut file: File = read_toml(path)?;
        for planted in file
            .suites
            .iter_mut()
            .filter_map(|suite| suite.planted.as_mut())
        {
            *planted = folder.join(&planted);
        }
        let workspace = file.workspace.map(|path| in_folder(folder, &path));
        let parts = file.parts.resolve(folder)?;
        let suites = Suites::of(file.suites, &parts)?;
        let modules = Module::load(folder, file.modules, suites.find(crate::modules::SUITE)?)?;
        let of_suites = suites.iter().map(|suite| &*suite.name);
        let of_modules = modules.iter().map(|module| module.name());
        let of_checks = parts.checks.keys().map(|name| &**name);
        let groups = of_suites.chain(of_modules).chain(of_checks);
        check_names("group", groups.chain(STEPS))?;
        let kernels = Kernels::of(folder, file.kernels, file.roots, file.skips, &suites)?;
        for name in modules.iter().flat_map(|module| &module.kernels) {
            kernels.find(Some(name))?;
        }
        Ok(Self {
            file: path.to_owned(),
            workspace: workspace.transpose()?,
            guest: file.guest,
            parts,
            suites,
            modules,
            kernels,
        })
    }

    /// Whether cargo builds programs for the project's guests.
    pub fn has_programs(&self) -> bool {
        self.guest.is_some() || !self.parts.programs.is_empty()
    }

    /// The folder of the project's file.
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }
}

fn find(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        let path = if named.is_dir() {
            named.join(FILE)
        } else {
            named.to_owned()
        };
        return path
            .canonicalize()
            .with_context(|| format!("--project {}: no {FILE} there", named.display()));
    }
    let here = std::env::current_dir().context("the current folder is gone")?;
    let mut files = here.ancestors().map(|folder| folder.join(FILE));
    let Some(found) = files.find(|file| file.is_file()) else {
        bail!(
            "no {FILE} in {} or above: write one, or name it with --project",
            here.display()
        );
    };
    Ok(found.canonicalize()?)
}

/// Reads a TOML file.
pub fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("cannot use {}", path.display()))
}
