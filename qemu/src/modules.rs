// SPDX-License-Identifier: GPL-2.0

//! The `[[module]]` sections of a project. Each describes a module, which becomes a group with
//! modproof's own cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use modproof_formats::{ReadTrial, Trial};
use regex_lite::Regex;
use serde::Deserialize;

use crate::suites::Suite;

/// The suite of the guest that tests these modules.
pub const SUITE: &str = "any-module";

/// A `[[module]]` section, as in the project's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name of the module and of its `.ko`. Default: the name of the folder.
    name: Option<String>,
    /// The folder with the Kbuild or Makefile, relative to the project's file.
    #[serde(default)]
    source: PathBuf,
    /// The parameters for `insmod`.
    #[serde(default)]
    parameters: String,
    /// Files to read while the module is loaded. Each must match its regular expression.
    #[serde(default)]
    reads: BTreeMap<String, String>,
    /// Regular expressions, each of which must match a line of the kernel log.
    #[serde(default)]
    log: Vec<String>,
    /// The kernels that test the module. Default: those that the user names, or the first one.
    #[serde(default)]
    kernels: Vec<String>,
}

/// A module that is ready to test.
#[derive(Clone, Debug)]
pub struct Module {
    /// The suite of the module, which has the module's name.
    pub suite: Suite,
    source: PathBuf,
    wanted: Trial,
    /// The kernels that the section names.
    pub kernels: Vec<String>,
}

impl Module {
    /// Checks the sections of a project in that folder. The suite `common` tests each module.
    pub fn load(folder: &Path, entries: Vec<Entry>, common: &Suite) -> Result<Vec<Self>> {
        let mut modules: Vec<Self> = Vec::new();
        for entry in entries {
            let module = entry.resolve(folder, common)?;
            let name = module.name();
            if modules.iter().any(|other| other.name() == name) {
                bail!("two modules are named {name}");
            }
            modules.push(module);
        }
        Ok(modules)
    }

    /// Whether a kernel tests the module. `here` is the answer for a module that names no kernel.
    pub fn is_tried_on(&self, kernel: &str, here: bool) -> bool {
        match self.kernels.as_slice() {
            [] => here,
            named => named.iter().any(|name| name == kernel),
        }
    }

    /// The name of the module and of its `.ko`.
    pub fn name(&self) -> &str {
        &self.suite.name
    }

    /// The folder with the `Kbuild` or `Makefile`.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// The description that the guest reads.
    pub fn for_guest(&self) -> &Trial {
        &self.wanted
    }
}

impl Entry {
    /// Checks the section for all errors that can be found before a build.
    fn resolve(self, folder: &Path, common: &Suite) -> Result<Module> {
        let source = folder.join(&self.source);
        let source = source
            .canonicalize()
            .with_context(|| format!("`source` names no folder: {}", source.display()))?;
        let shown = source.display();
        let named = |file| source.join(file).is_file();
        if !named("Kbuild") && !named("Makefile") {
            bail!("{shown} has no Kbuild and no Makefile: `source` must name the folder with it");
        }
        let of_folder = source.file_name().unwrap_or_default().to_string_lossy();
        let name = self.name.as_deref().unwrap_or(&of_folder);
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            bail!("{name:?} can be no module's name: give it the one of its .ko with `name`");
        }
        let wanted = self
            .for_guest(name)
            .with_context(|| format!("module {name}"))?;
        Ok(Module {
            suite: Suite {
                name: name.to_owned(),
                guest: Some(common.guest().to_owned()),
                about: format!("the module in {shown}: loads, reads, unloads"),
                ..common.clone()
            },
            source,
            wanted,
            kernels: self.kernels,
        })
    }

    fn for_guest(&self, name: &str) -> Result<Trial> {
        for (path, shows) in &self.reads {
            if !path.starts_with('/') {
                bail!("`reads` needs whole paths, as in the guest, not {path:?}");
            }
            check(shows)?;
        }
        self.log.iter().try_for_each(|pattern| check(pattern))?;
        let reads = self.reads.iter().map(|(path, shows)| ReadTrial {
            path: path.into(),
            shows: shows.clone(),
        });
        Ok(Trial {
            name: name.to_owned(),
            parameters: self.parameters.clone(),
            reads: reads.collect(),
            log: self.log.clone(),
        })
    }
}

/// Checks a regular expression with the library that the guest uses, too.
fn check(pattern: &str) -> Result<()> {
    Regex::new(pattern)
        .map(drop)
        .with_context(|| format!("no regular expression: {pattern:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<Vec<Module>> {
        #[derive(Deserialize)]
        struct File {
            module: Vec<Entry>,
        }
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("my_module");
        std::fs::create_dir_all(source.join("empty")).expect("a folder");
        std::fs::write(source.join("Kbuild"), "").expect("a file");
        let common = "name='any-module'\nabout='b'\nlimit_seconds=1\nsilence_seconds=1";
        let common = toml::from_str(common).expect("a suite");
        Module::load(&source, toml::from_str::<File>(text)?.module, &common)
    }

    #[test]
    fn one_line_is_enough_where_the_file_is_with_the_module() {
        let modules = loaded("[[module]]\n").expect("a module");
        assert_eq!(modules.len(), 1);
        assert_eq!(modules[0].name(), "my_module");
        assert_eq!(modules[0].suite.guest(), SUITE);
        let trial = Trial {
            name: "my_module".to_owned(),
            ..Trial::default()
        };
        assert_eq!(*modules[0].for_guest(), trial);
    }

    #[test]
    fn all_of_it_comes_to_the_guest() {
        let modules = loaded(
            "[[module]]\nname = 'other'\nparameters = 'a=1 b=\"two words\"'\n\
             reads = { '/proc/other' = '^1$', '/proc/any' = '' }\nlog = ['one', '^two: \\d+$']\n",
        );
        let modules = modules.expect("a module");
        let trial = modules[0].for_guest();
        assert_eq!(trial.parameters, "a=1 b=\"two words\"");
        let reads = trial
            .reads
            .iter()
            .map(|read| (read.path.to_str(), &*read.shows));
        let reads: Vec<_> = reads.collect();
        assert_eq!(
            reads,
            [(Some("/proc/any"), ""), (Some("/proc/other"), "^1$")]
        );
        assert_eq!(trial.log, ["one", "^two: \\d+$"]);
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_built() {
        for (text, said) in [
            ("", "missing field `module`"),
            ("[[module]]\nnmae = 'a'", "unknown field `nmae`"),
            ("[[module]]\nsource = 'gone'", "names no folder"),
            (
                "[[module]]\nsource = 'empty'",
                "has no Kbuild and no Makefile",
            ),
            ("[[module]]\nname = 'a b'", "can be no module's name"),
            ("[[module]]\nlog = ['(']", "no regular expression: \"(\""),
            (
                "[[module]]\nreads = { '/a' = '[' }",
                "no regular expression",
            ),
            ("[[module]]\nreads = { 'a' = '' }", "whole paths"),
            ("[[module]]\nparameters = 'a=1\\nb'", ""),
            ("[[module]]\n[[module]]", "two modules are named my_module"),
        ] {
            let result = loaded(text);
            let error = result
                .map(|_| String::new())
                .unwrap_or_else(|e| format!("{e:#}"));
            assert!(
                error.contains(said) && error.is_empty() == said.is_empty(),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_module_is_tried_where_it_says_or_where_the_user_says() {
        let named = loaded("[[module]]\nkernels = ['a', 'b']").expect("a module");
        let free = loaded("[[module]]").expect("a module");
        for here in [false, true] {
            assert!(named[0].is_tried_on("b", here) && !named[0].is_tried_on("c", here));
            assert_eq!(free[0].is_tried_on("c", here), here);
        }
    }
}
