// SPDX-License-Identifier: GPL-2.0

//! The parts of guests: kernel modules, programs, output of scripts, and programs from Debian.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use serde::Deserialize;

use crate::names::check_names;

/// All parts of a project, each by its name.
#[derive(Debug, Default)]
pub struct Parts {
    /// Kernel modules.
    pub builds: BTreeMap<String, ModulePart>,
    /// Programs that cargo builds.
    pub programs: BTreeMap<String, ProgramPart>,
    /// Files that scripts make in the build root.
    pub scripts: BTreeMap<String, ScriptPart>,
    /// Programs from Debian packages.
    pub tools: BTreeMap<String, ToolsPart>,
    /// Scripts in the build root that check something.
    pub checks: BTreeMap<String, CheckPart>,
}

/// The sections of the project's file: `[part.build.NAME]` and so on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sections {
    build: BTreeMap<String, ModulePart>,
    program: BTreeMap<String, ProgramPart>,
    script: BTreeMap<String, ScriptPart>,
    tools: BTreeMap<String, ToolsPart>,
    check: BTreeMap<String, CheckPart>,
}

/// The source files of a part.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// The folder, relative to the project's file.
    pub folder: PathBuf,
    /// Files and folders in `folder`. Default: the whole folder.
    #[serde(default)]
    pub paths: Vec<PathBuf>,
    /// The endings of files to take from folders. Default: all files, except hidden ones and those
    /// that a kernel's build makes.
    #[serde(default)]
    pub endings: Vec<String>,
    /// Files to leave out although they match the above, because a build makes them.
    #[serde(default)]
    pub made: Vec<PathBuf>,
}

/// A folder of kernel modules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModulePart {
    /// The sources of the modules.
    pub sources: Sources,
    /// The names of the `.ko` files.
    pub products: Vec<String>,
    /// Arguments for make.
    #[serde(default)]
    pub make: String,
    /// The root file of a Rust module to lint and to check for panics.
    pub crate_root: Option<PathBuf>,
}

/// A program that cargo builds, linked statically.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramPart {
    /// The cargo package. The program has the name of the part.
    pub package: String,
}

/// A shell script for the build root. The guest gets the files that it writes to `/mnt/made/guest`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptPart {
    /// The path of the script, below the folder of its sources. `{}` stands for the variant.
    pub script: String,
    /// The variants. With any, the part NAME becomes one part NAME-VARIANT for each.
    #[serde(default)]
    variants: Vec<String>,
    /// The sources of the script. It runs again after a change to them.
    pub sources: Sources,
    /// The modules that it finds in `/mnt/built`.
    #[serde(default)]
    pub builds: Vec<String>,
}

/// Programs from Debian packages, with their libraries and their loader, at their usual paths.
/// The file `packages/NAME` has the version of each package.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolsPart {
    /// The Debian release. Default: the release of the kernel's build root.
    pub release: Option<String>,
    /// Whether to accept an expired package list, which a mirror has if it lags behind. apt still
    /// checks its signature.
    #[serde(default)]
    pub expired_release: bool,
    /// The names of the packages. modproof adds their dependencies.
    pub packages: Vec<String>,
    /// The paths of the programs.
    #[serde(default)]
    pub programs: Vec<String>,
}

/// A shell script that checks something in the build root of stock kernels. The report shows the
/// last line that it prints.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckPart {
    /// A description for people.
    pub about: String,
    /// The path of the script, below `folder`.
    pub script: PathBuf,
    /// The folder that the script finds as `/mnt/from`.
    pub folder: PathBuf,
    /// The modules that it finds in `/mnt/built`.
    #[serde(default)]
    pub builds: Vec<String>,
}

impl Sources {
    /// All files of a folder, except hidden ones and those that a kernel's build makes.
    pub fn all_of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            paths: Vec::new(),
            endings: Vec::new(),
            made: Vec::new(),
        }
    }
}

impl ScriptPart {
    /// The script, or each of its variants, by name.
    fn all(self, name: &str) -> Vec<(String, Self)> {
        if self.variants.is_empty() {
            return vec![(name.to_owned(), self)];
        }
        let variants = self.variants.iter().map(|variant| {
            let script = Self {
                script: self.script.replace("{}", variant),
                variants: Vec::new(),
                ..self.clone()
            };
            (format!("{name}-{variant}"), script)
        });
        variants.collect()
    }
}

impl Sections {
    /// Resolves the folders, and finds all errors that can be found before a build.
    pub fn resolve(mut self, folder: &Path) -> Result<Parts> {
        for (name, build) in &mut self.build {
            let found = in_folder(folder, &build.sources.folder);
            build.sources.folder = found.with_context(|| format!("part.build.{name}"))?;
        }
        for (name, script) in &mut self.script {
            let found = in_folder(folder, &script.sources.folder);
            script.sources.folder = found.with_context(|| format!("part.script.{name}"))?;
        }
        for (name, check) in &mut self.check {
            let found = in_folder(folder, &check.folder);
            check.folder = found.with_context(|| format!("part.check.{name}"))?;
        }
        let scripts = self
            .script
            .into_iter()
            .flat_map(|(name, script)| script.all(&name));
        let parts = Parts {
            builds: self.build,
            programs: self.program,
            scripts: scripts.collect(),
            tools: self.tools,
            checks: self.check,
        };
        let all = parts.names().chain(parts.checks.keys().map(|name| &**name));
        check_names("part", all)?;
        let linted = parts
            .builds
            .values()
            .filter(|build| build.crate_root.is_some());
        if linted.count() > 1 {
            bail!("only one part.build can have a `crate_root`");
        }
        let of_scripts = parts.scripts.values().flat_map(|script| &script.builds);
        let of_checks = parts.checks.values().flat_map(|check| &check.builds);
        for name in of_scripts.chain(of_checks) {
            if !parts.builds.contains_key(name) {
                bail!("there is no part.build.{name}");
            }
        }
        Ok(parts)
    }
}

/// Resolves a folder that a project's file in `base` names.
pub fn in_folder(base: &Path, path: &Path) -> Result<PathBuf> {
    let path = base.join(path);
    path.canonicalize()
        .with_context(|| format!("there is no folder {}", path.display()))
}

impl Parts {
    /// The names of all parts, without checks.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self
            .builds
            .keys()
            .chain(self.programs.keys())
            .chain(self.scripts.keys())
            .chain(self.tools.keys());
        names.map(|name| &**name)
    }

    /// Fails if there is no part of that name.
    pub fn expect(&self, name: &str) -> Result<()> {
        if !self.names().any(|known| known == name) {
            bail!("there is no part.build, part.program, part.script or part.tools named {name}");
        }
        Ok(())
    }

    /// The Rust module to lint: its name, its part, and its root file.
    pub fn linted(&self) -> Option<(&str, &ModulePart, &Path)> {
        self.builds.iter().find_map(|(name, build)| {
            let root = build.crate_root.as_deref()?;
            Some((&**name, build, root))
        })
    }
}
