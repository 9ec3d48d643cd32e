// SPDX-License-Identifier: GPL-2.0

//! A file of modules: what is built and tried, as its author describes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use modproof_formats::{ReadTrial, Trial};
use regex_lite::Regex;
use serde::Deserialize;

use crate::config::{read_toml, Suite, Suites};

/// The suite of the guest that tries them.
const SUITE: &str = "any-module";
/// Those of this repository.
const OURS: &str = "qemu/modules.toml";

/// As it stands in the file, which says what each is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    module: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    #[serde(default)]
    source: PathBuf,
    #[serde(default)]
    parameters: String,
    #[serde(default)]
    reads: BTreeMap<String, String>,
    #[serde(default)]
    log: Vec<String>,
    #[serde(default)]
    kernels: Vec<String>,
}

/// A module that can be tried.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its boots, by its name.
    pub suite: Suite,
    source: PathBuf,
    wanted: Trial,
    /// Which kernels it names.
    pub kernels: Vec<String>,
}

impl Module {
    /// The module's name, and that of its `.ko`.
    pub fn name(&self) -> &str {
        &self.suite.name
    }

    /// The folder with its `Kbuild` or `Makefile`.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// What the guest is told.
    pub fn for_guest(&self) -> &Trial {
        &self.wanted
    }
}

/// The modules of the file that the user names, or those of this repository.
pub fn load(repo: &Path, named: Option<&Path>) -> Result<Vec<Module>> {
    let suites = Suites::load(repo)?;
    let ours = repo.join(OURS);
    let path = named.unwrap_or(&ours);
    let shown = named.unwrap_or(Path::new(OURS)).display();
    let file: File = read_toml(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut modules: Vec<Module> = Vec::new();
    for entry in file.module {
        let module = entry
            .resolve(folder, suites.find(SUITE)?)
            .with_context(|| format!("cannot use {shown}"))?;
        let name = module.name();
        if modules.iter().any(|other| other.name() == name) {
            bail!("cannot use {shown}: two modules are named {name}");
        }
        modules.push(module);
    }
    Ok(modules)
}

impl Entry {
    /// Looks at all that can be wrong before anything is built.
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

/// The guest reads it with the same library.
fn check(pattern: &str) -> Result<()> {
    Regex::new(pattern)
        .map(drop)
        .with_context(|| format!("no regular expression: {pattern:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn loaded(text: &str) -> Result<Vec<Module>> {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("my_module");
        std::fs::create_dir_all(source.join("empty")).expect("a folder");
        std::fs::write(source.join("Kbuild"), "").expect("a file");
        let file = source.join("modules.toml");
        std::fs::write(&file, text).expect("a file");
        load(&repo(), Some(&file))
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

    /// What `make test` demands of this project's own file.
    #[test]
    fn ours_takes_five_lines() {
        let modules = load(&repo(), None).expect("our own");
        assert!(modules.iter().any(|module| module.name() == "hello"));
        let text = std::fs::read_to_string(repo().join(OURS)).expect("a file");
        let lines = text
            .lines()
            .filter(|l| !l.starts_with('#') && !l.is_empty());
        assert_eq!(lines.count(), 5);
    }
}
