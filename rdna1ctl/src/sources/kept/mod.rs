// SPDX-License-Identifier: GPL-2.0

//! Files that set variables for later programs: those of logins, shells and systemd.

mod shell;
mod units;

pub use shell::joined;

use std::path::{Path, PathBuf};

use crate::root::Root;

use super::patience::{each, FOR_FILES};
use super::processes::{is_read_by_rocm, Variable};
use super::users::User;

/// The most bytes of such a file that are read.
const LONGEST: u64 = 1 << 20;

/// The programs that get a variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The programs of each login, or of each shell.
    Login,
    /// All services.
    Services,
    /// A unit of the system.
    Unit(String),
    /// A unit of a user.
    UserUnit(String),
}

/// A variable that a file sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVariable {
    /// The file.
    pub file: String,
    /// The line in it.
    pub line: usize,
    /// The variable.
    pub variable: Variable,
    /// The programs that get it.
    pub reach: Reach,
}

/// The variables that files set, and the files that could not be read in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileVariables {
    /// The variables, by file.
    pub list: Vec<FileVariable>,
    /// Files on a server that does not answer.
    pub stuck: Vec<String>,
}

impl FileVariables {
    /// Reads the system's files, and those in the home folders of these users.
    pub fn read(root: &Root, users: &[&User]) -> Self {
        let mut files = Vec::new();
        for (name, form) in SYSTEM {
            files.extend(expanded(root, Path::new("/"), name, form));
        }
        let homes: Vec<_> = users.iter().filter_map(|user| user.home.clone()).collect();
        // One thread lists all home folders, because their server may not answer.
        let of_homes = each(homes.clone(), FOR_FILES, {
            let root = root.clone();
            move |home: &PathBuf| {
                let files = HOME.into_iter();
                let files = files.flat_map(|(name, form)| expanded(&root, home, name, form));
                files.collect::<Vec<_>>()
            }
        });
        let mut all = Self::default();
        for (home, found) in homes.iter().zip(of_homes) {
            match found {
                Some(found) => files.extend(found),
                None => all.stuck.push(home.display().to_string()),
            }
        }
        let read = each(files.clone(), FOR_FILES, {
            let root = root.clone();
            move |(path, form): &(String, Form)| of_file(&root, path, *form)
        });
        for ((path, _), found) in files.into_iter().zip(read) {
            match found {
                Some(found) => all.list.extend(found),
                None => all.stuck.push(path),
            }
        }
        let homes: Vec<_> = homes
            .iter()
            .filter(|home| !all.stuck.contains(&home.display().to_string()))
            .cloned()
            .collect();
        let units = each(units::searched(&homes), FOR_FILES, {
            let root = root.clone();
            move |search: &units::Search| units::read(&root, search)
        });
        all.list.extend(units.into_iter().flatten().flatten());
        all.list.retain(|one| is_read_by_rocm(&one.variable.0));
        all
    }
}

/// The syntax in which a file sets variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `NAME=value`, as pam_env(8) and environment.d(5) read it.
    Plain,
    /// `NAME DEFAULT=value OVERRIDE=value`, pam_env.conf(5).
    Pam,
    /// A script of a shell.
    Shell,
    /// `DefaultEnvironment=` of systemd-system.conf(5).
    Manager,
}

/// The system's files. `*` stands for all names with that end.
const SYSTEM: [(&str, Form); 28] = [
    ("etc/environment", Form::Plain),
    ("etc/environment.d/*.conf", Form::Plain),
    ("run/environment.d/*.conf", Form::Plain),
    ("usr/local/lib/environment.d/*.conf", Form::Plain),
    ("usr/lib/environment.d/*.conf", Form::Plain),
    ("etc/env.d/*", Form::Plain),
    ("etc/security/pam_env.conf", Form::Pam),
    // Files of OpenRC's services, and of NixOS.
    ("etc/conf.d/*", Form::Shell),
    ("etc/set-environment", Form::Shell),
    ("etc/profile", Form::Shell),
    ("etc/profile.d/*.sh", Form::Shell),
    ("etc/profile.d/*.csh", Form::Shell),
    ("etc/bash.bashrc", Form::Shell),
    ("etc/bashrc", Form::Shell),
    ("etc/csh.cshrc", Form::Shell),
    ("etc/zshenv", Form::Shell),
    ("etc/zsh/zshenv", Form::Shell),
    ("etc/zsh/zprofile", Form::Shell),
    ("etc/zsh/zshrc", Form::Shell),
    ("etc/fish/config.fish", Form::Shell),
    ("etc/fish/conf.d/*.fish", Form::Shell),
    ("etc/X11/Xsession.d/*", Form::Shell),
    ("etc/systemd/system.conf", Form::Manager),
    ("etc/systemd/system.conf.d/*.conf", Form::Manager),
    ("usr/lib/systemd/system.conf.d/*.conf", Form::Manager),
    ("etc/systemd/user.conf", Form::Manager),
    ("etc/systemd/user.conf.d/*.conf", Form::Manager),
    ("usr/lib/systemd/user.conf.d/*.conf", Form::Manager),
];

/// The files in a home folder.
const HOME: [(&str, Form); 17] = [
    (".pam_environment", Form::Plain),
    (".config/environment.d/*.conf", Form::Plain),
    (".profile", Form::Shell),
    (".bash_profile", Form::Shell),
    (".bash_login", Form::Shell),
    (".bashrc", Form::Shell),
    (".bash_aliases", Form::Shell),
    (".cshrc", Form::Shell),
    (".zshenv", Form::Shell),
    (".zprofile", Form::Shell),
    (".zshrc", Form::Shell),
    (".xprofile", Form::Shell),
    (".xsessionrc", Form::Shell),
    (".config/fish/config.fish", Form::Shell),
    (".config/fish/conf.d/*.fish", Form::Shell),
    (".config/plasma-workspace/env/*.sh", Form::Shell),
    (".config/systemd/user.conf", Form::Manager),
];

fn expanded(root: &Root, below: &Path, name: &str, form: Form) -> Vec<(String, Form)> {
    let path = below.join(name).to_string_lossy().into_owned();
    let Some((folder, end)) = path.split_once('*') else {
        return vec![(path, form)];
    };
    let names = root.names(folder).into_iter();
    let names = names.filter(|name| name.ends_with(end) && !name.starts_with('.'));
    names
        .map(|name| (format!("{folder}{name}"), form))
        .collect()
}

/// The text of a file, unless the kernel makes it. A user can put a link to such a file into a home
/// folder: reading it can wait for ever, or wake a card.
fn text(root: &Root, path: &str) -> Option<String> {
    let place = root.path(path).canonicalize().ok()?;
    let is_kernels = ["/proc", "/sys", "/dev"]
        .iter()
        .any(|folder| place.starts_with(folder) || place.starts_with(root.path(folder)));
    if is_kernels {
        return None;
    }
    root.start(path, LONGEST)
}

fn of_file(root: &Root, path: &str, form: Form) -> Vec<FileVariable> {
    let text = text(root, path).unwrap_or_default();
    let (variables, reach) = match form {
        Form::Plain => (shell::plain(&text), Reach::Login),
        Form::Pam => (shell::pam(&text), Reach::Login),
        Form::Shell => (shell::script(&text), Reach::Login),
        Form::Manager => (units::of_manager(&text), Reach::Services),
    };
    let kept = variables.into_iter().map(|(line, variable)| FileVariable {
        file: path.to_owned(),
        line,
        variable,
        reach: reach.clone(),
    });
    kept.collect()
}
