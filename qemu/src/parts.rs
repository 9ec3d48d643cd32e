// SPDX-License-Identifier: GPL-2.0

//! The parts that guests can have: kernel modules, programs, the output of scripts, and Debian's programs.

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
    /// Programs of Debian's.
    pub tools: BTreeMap<String, ToolsPart>,
    /// Checks by scripts in the build root.
    pub checks: BTreeMap<String, CheckPart>,
}

/// As they stand in the file: `[part.build.NAME]` and so on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sections {
    build: BTreeMap<String, ModulePart>,
    program: BTreeMap<String, ProgramPart>,
    script: BTreeMap<String, ScriptPart>,
    tools: BTreeMap<String, ToolsPart>,
    check: BTreeMap<String, CheckPart>,
}

/// Which files something is made from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// The folder, from that of the project's file.
    pub folder: PathBuf,
    /// Files and folders in it; none: the whole folder.
    #[serde(default)]
    pub paths: Vec<PathBuf>,
    /// The endings of files that are taken from folders; none: all but what a kernel's build makes.
    #[serde(default)]
    pub endings: Vec<String>,
    /// Files among these that a build makes.
    #[serde(default)]
    pub made: Vec<PathBuf>,
}

/// A folder of kernel modules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModulePart {
    /// Their sources.
    pub sources: Sources,
    /// The `.ko` files.
    pub products: Vec<String>,
    /// Words for make.
    #[serde(default)]
    pub make: String,
    /// The root file of a module in Rust that is linted, and checked for panics.
    pub crate_root: Option<PathBuf>,
}

/// A program that cargo builds, linked statically.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramPart {
    /// Its package. Its name is that of the part.
    pub package: String,
}

/// A shell script for the build root. The guest gets the files that it puts into `/mnt/made/guest`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptPart {
    /// The script, below the folder of its sources. `{}` stands for the variant.
    pub script: String,
    /// More parts of the same kind, NAME-VARIANT each in place of NAME.
    #[serde(default)]
    variants: Vec<String>,
    /// Its sources: when they change, it runs again.
    pub sources: Sources,
    /// The modules that it finds in `/mnt/built`.
    #[serde(default)]
    pub builds: Vec<String>,
}

/// Programs of Debian's, with their libraries and their loader, in the places that they have there. The
/// version of each package is in the file `packages/NAME`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolsPart {
    /// The release; none: that of the kernel's build root.
    pub release: Option<String>,
    /// Whether a list of packages will do that Debian no longer vouches for, as mirrors that are late
    /// have. Its signature is checked all the same.
    #[serde(default)]
    pub expired_release: bool,
    /// The packages, whose dependencies come along.
    pub packages: Vec<String>,
    /// The paths of the programs.
    #[serde(default)]
    pub programs: Vec<String>,
}

/// A shell script that is run in the build root of stock kernels, and passes or fails. Its last line
/// goes into the report.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckPart {
    /// A description for people.
    pub about: String,
    /// The script, below `folder`.
    pub script: PathBuf,
    /// The folder that it finds as `/mnt/from`.
    pub folder: PathBuf,
    /// The modules that it finds in `/mnt/built`.
    #[serde(default)]
    pub builds: Vec<String>,
}

impl Sources {
    /// All files of a folder, but those that a kernel's build makes.
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
    /// Itself, or each of its variants, by name.
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
    /// Finds the folders, and looks at all that can be wrong before anything is built.
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

/// A folder that is named in a project's file, which is in `base`.
pub fn in_folder(base: &Path, path: &Path) -> Result<PathBuf> {
    let path = base.join(path);
    path.canonicalize()
        .with_context(|| format!("there is no folder {}", path.display()))
}

impl Parts {
    /// The names of all that is built.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self
            .builds
            .keys()
            .chain(self.programs.keys())
            .chain(self.scripts.keys())
            .chain(self.tools.keys());
        names.map(|name| &**name)
    }

    /// Fails if there is no such part for a guest.
    pub fn expect(&self, name: &str) -> Result<()> {
        if !self.names().any(|known| known == name) {
            bail!("there is no part.build, part.program, part.script or part.tools named {name}");
        }
        Ok(())
    }

    /// The module in Rust that is linted, with its name.
    pub fn linted(&self) -> Option<(&str, &ModulePart, &Path)> {
        self.builds.iter().find_map(|(name, build)| {
            let root = build.crate_root.as_deref()?;
            Some((&**name, build, root))
        })
    }
}
