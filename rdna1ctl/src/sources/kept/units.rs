// SPDX-License-Identifier: GPL-2.0

//! The variables that systemd's units set, with their drop-ins, and Podman's containers that
//! systemd starts (systemd.exec(5), systemd.unit(5), podman-systemd.unit(5)).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::root::Root;

use super::shell::{assignment, joined, plain, Set};
use super::{text, FileVariable, Reach};

/// Folders with units. If several have a unit of one name, the first wins.
#[derive(Debug, Clone)]
pub struct Search {
    folders: Vec<String>,
    end: &'static str,
    is_users: bool,
}

/// The folders of the system's units, and of the units of users with these homes.
pub fn searched(homes: &[PathBuf]) -> Vec<Search> {
    let search = |folders: &[&str], end, is_users| Search {
        folders: folders.iter().map(|name| (*name).to_owned()).collect(),
        end,
        is_users,
    };
    let mut all = vec![
        search(
            &[
                "/etc/systemd/system",
                "/run/systemd/transient",
                "/run/systemd/system",
                "/usr/local/lib/systemd/system",
                "/usr/lib/systemd/system",
                "/lib/systemd/system",
                "/run/systemd/generator",
            ],
            ".service",
            false,
        ),
        search(
            &["/etc/containers/systemd", "/usr/share/containers/systemd"],
            ".container",
            false,
        ),
        search(
            &[
                "/etc/systemd/user",
                "/usr/local/lib/systemd/user",
                "/usr/lib/systemd/user",
            ],
            ".service",
            true,
        ),
    ];
    for home in homes {
        let below = |name: &str| home.join(name).to_string_lossy().into_owned();
        all.push(search(&[&below(".config/systemd/user")], ".service", true));
        all.push(search(
            &[&below(".config/containers/systemd")],
            ".container",
            true,
        ));
    }
    all
}

/// `DefaultEnvironment=` and `ManagerEnvironment=` of a manager's configuration.
pub fn of_manager(text: &str) -> Vec<Set> {
    let lines = joined(text).into_iter();
    let lines = lines.filter_map(|(number, line)| {
        let (key, value) = line.split_once('=')?;
        let is_one = ["DefaultEnvironment", "ManagerEnvironment"].contains(&key.trim());
        is_one.then(|| (number, words(value)))
    });
    let set = lines.flat_map(|(number, words)| {
        let variables = words.into_iter().filter_map(|word| assignment(&word));
        variables.map(move |variable| (number, variable))
    });
    set.collect()
}

fn words(text: &str) -> Vec<String> {
    shlex::split(text).unwrap_or_default()
}

/// The variables of all units in these folders.
pub fn read(root: &Root, search: &Search) -> Vec<FileVariable> {
    let mut units = BTreeSet::new();
    for folder in &search.folders {
        for name in root.names(folder) {
            let unit = name.strip_suffix(".d").unwrap_or(&name);
            // `foo@.service` stands for all of its instances.
            if unit.ends_with(search.end) {
                units.insert(unit.to_owned());
            }
        }
    }
    let mut kept = Vec::new();
    for unit in units {
        let reach = match search.is_users {
            true => Reach::UserUnit(unit.clone()),
            false => Reach::Unit(unit.clone()),
        };
        let set = of_unit(root, search, &unit).into_iter();
        kept.extend(set.map(|(name, at)| FileVariable {
            file: at.file,
            line: at.line,
            variable: (name, at.value),
            reach: reach.clone(),
        }));
    }
    kept
}

/// The value of a variable, and the line that sets it.
struct At {
    file: String,
    line: usize,
    value: String,
}

/// The variables that all files of a unit leave set: an empty `Environment=` takes all back.
fn of_unit(root: &Root, search: &Search, unit: &str) -> BTreeMap<String, At> {
    let mut set: BTreeMap<String, At> = BTreeMap::new();
    let mut of_files: BTreeMap<String, At> = BTreeMap::new();
    let mut unset = Vec::new();
    for file in files(root, search, unit) {
        let lines = joined(&text(root, &file).unwrap_or_default());
        for (line, text) in lines {
            let Some((key, value)) = text.split_once('=') else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            match (key, value) {
                ("Environment", "") => set.clear(),
                ("Environment", _) => {
                    for (name, value) in words(value).iter().filter_map(|word| assignment(word)) {
                        let file = file.clone();
                        set.insert(name, At { file, line, value });
                    }
                }
                ("EnvironmentFile", "") => of_files.clear(),
                ("EnvironmentFile", _) => of_files.extend(from_file(root, value)),
                ("UnsetEnvironment", "") => unset.clear(),
                ("UnsetEnvironment", _) => unset.extend(words(value)),
                _ => {}
            }
        }
    }
    set.extend(of_files);
    set.retain(|name, at| {
        let whole = format!("{name}={}", at.value);
        !unset.iter().any(|one| one == name || *one == whole)
    });
    set
}

/// The variables in a file that a unit names. A leading `-` allows that it is missing.
fn from_file(root: &Root, name: &str) -> Vec<(String, At)> {
    let file = name.trim_start_matches('-').to_owned();
    let set = plain(&text(root, &file).unwrap_or_default()).into_iter();
    let set = set.map(|(line, (name, value))| {
        let file = file.clone();
        (name, At { file, line, value })
    });
    set.collect()
}

/// The files of a unit in the order in which they take effect: the unit itself, then its drop-ins
/// by name. A masked unit has none.
fn files(root: &Root, search: &Search, unit: &str) -> Vec<String> {
    let mut files = Vec::new();
    let own = search
        .folders
        .iter()
        .map(|folder| format!("{folder}/{unit}"));
    if let Some(own) = own.into_iter().find(|file| exists(root, file)) {
        let target = std::fs::read_link(root.path(&own)).ok();
        if target.is_some_and(|target| target == Path::new("/dev/null")) {
            return files;
        }
        files.push(own);
    }
    let mut drop_ins: BTreeMap<String, String> = BTreeMap::new();
    for folder in folders_of(unit) {
        for place in &search.folders {
            for name in root.names(format!("{place}/{folder}")) {
                if name.ends_with(".conf") {
                    let path = format!("{place}/{folder}/{name}");
                    drop_ins.entry(name).or_insert(path);
                }
            }
        }
    }
    files.extend(drop_ins.into_values());
    files
}

fn exists(root: &Root, file: &str) -> bool {
    std::fs::symlink_metadata(root.path(file)).is_ok()
}

/// The names of a unit's drop-in folders, those of the unit itself first.
fn folders_of(unit: &str) -> Vec<String> {
    let mut folders = vec![format!("{unit}.d")];
    let Some((stem, kind)) = unit.rsplit_once('.') else {
        return folders;
    };
    if let Some((template, _)) = stem.split_once('@') {
        folders.push(format!("{template}@.{kind}.d"));
    }
    let dashes = stem.match_indices('-').map(|(at, _)| at);
    for at in dashes.collect::<Vec<_>>().into_iter().rev() {
        if let Some(start) = stem.get(..=at) {
            folders.push(format!("{start}.{kind}.d"));
        }
    }
    folders.push(format!("{kind}.d"));
    folders
}
