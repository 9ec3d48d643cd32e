// SPDX-License-Identifier: GPL-2.0

//! The users whose access is checked: the one who runs rdna1ctl, and the one who called sudo.

use std::path::PathBuf;

use crate::root::Root;

use super::place::named;
use super::processes::{parent, FOR_ROOT};

/// A user, and the groups of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, or the number if `/etc/passwd` has no name.
    pub name: String,
    /// The number.
    pub uid: u32,
    /// The session's groups, or else `registered`, the primary one first; `None` without either.
    pub groups: Option<Vec<u32>>,
    /// The groups in `/etc/group` and `/etc/passwd`. An older session lacks the new ones.
    pub registered: Vec<u32>,
    /// The home folder.
    pub home: Option<PathBuf>,
}

/// The users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    /// The user who runs rdna1ctl.
    pub own: Option<User>,
    /// The user who called sudo or a similar program, unless that is root.
    pub caller: Option<User>,
}

impl Users {
    /// Reads both users.
    pub fn read(root: &Root) -> Self {
        let own = Session::read(root, "self");
        let is_root = own.as_ref().is_some_and(|own| own.uid == 0);
        Self {
            own: own.map(|own| user(root, own.uid, Some(own.groups))),
            caller: is_root.then(|| caller(root)).flatten(),
        }
    }
}

struct Session {
    uid: u32,
    groups: Vec<u32>,
}

impl Session {
    fn read(root: &Root, pid: &str) -> Option<Self> {
        let status = root.text(format!("/proc/{pid}/status"))?;
        let numbers = |name: &str| -> Vec<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let words = line.unwrap_or_default().split_whitespace();
            words.filter_map(|word| word.parse().ok()).collect()
        };
        // Real, effective, saved, file system.
        let uid = *numbers("Uid:").get(1)?;
        let mut groups: Vec<_> = numbers("Gid:").get(1).copied().into_iter().collect();
        for group in numbers("Groups:") {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        Some(Self { uid, groups })
    }
}

/// The variables with which sudo, pkexec and doas name their caller.
const CALLER: [&str; 3] = ["DOAS_USER", "PKEXEC_UID", "SUDO_UID"];

fn caller(root: &Root) -> Option<User> {
    let variables = named(root, "/proc/self/environ", &CALLER);
    let number = |name: &str| variables.get(name)?.parse::<u32>().ok();
    let by_name = || uid_of(root, variables.get("DOAS_USER")?);
    let uid = number("SUDO_UID")
        .or_else(|| number("PKEXEC_UID"))
        .or_else(by_name)?;
    if uid == 0 {
        return None;
    }
    let session = session_of_caller(root).filter(|session| session.uid == uid);
    Some(user(root, uid, session.map(|session| session.groups)))
}

/// The session of the shell that called sudo. A sudo with its own terminal is two processes.
fn session_of_caller(root: &Root) -> Option<Session> {
    let mut pid = parent(root, "self")?;
    for _ in 0..4 {
        let command = root.text(format!("/proc/{pid}/comm"))?;
        if !FOR_ROOT.contains(&command.as_str()) {
            return Session::read(root, &pid.to_string());
        }
        pid = parent(root, &pid.to_string())?;
    }
    None
}

/// The lines of both group files. Image-based systems have the second one.
pub(super) fn groups(root: &Root) -> String {
    let files = ["/etc/group", "/usr/lib/group"].map(|file| root.text(file).unwrap_or_default());
    files.join("\n")
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

fn uid_of(root: &Root, name: &str) -> Option<u32> {
    let users = root.text("/etc/passwd")?;
    let mut lines = users.lines().map(fields);
    lines
        .find(|line| line.first() == Some(&name))?
        .get(2)?
        .parse()
        .ok()
}

fn user(root: &Root, uid: u32, session: Option<Vec<u32>>) -> User {
    let users = root.text("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let line = users
        .lines()
        .map(fields)
        .find(|line| line.get(2) == Some(&number.as_str()));
    let Some(line) = line else {
        return User {
            name: if uid == 0 { "root".to_owned() } else { number },
            uid,
            groups: session,
            registered: Vec::new(),
            home: None,
        };
    };
    let field = |index: usize| line.get(index).copied().unwrap_or_default();
    let mut registered: Vec<_> = field(3).parse().ok().into_iter().collect();
    let groups = groups(root);
    for group in groups.lines().map(fields) {
        let members = group.get(3).copied().unwrap_or_default();
        if members.split(',').any(|member| member == field(0)) {
            registered.extend(group.get(2).and_then(|id| id.parse::<u32>().ok()));
        }
    }
    let home = field(5);
    User {
        name: field(0).to_owned(),
        uid,
        groups: session.or_else(|| Some(registered.clone())),
        registered,
        home: home.starts_with('/').then(|| home.into()),
    }
}
