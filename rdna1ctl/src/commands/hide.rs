// SPDX-License-Identifier: GPL-2.0

//! Removes private data from the facts before a report is written.

use regex_lite::Regex;

use anyhow::Result;

use crate::sources::mapped::Mapped;
use crate::sources::processes::Variable;
use crate::sources::Facts;

const LEFT_OUT: &str = "left-out";

/// The parameters of the kernel's command line that a report keeps.
const PARAMETERS: [&str; 12] = [
    "amdgpu.",
    "amd_iommu",
    "debugfs",
    "ftrace",
    "intel_iommu",
    "iommu",
    "lockdown",
    "modprobe.",
    "module.",
    "module_",
    "nomodeset",
    "pci",
];

/// The prefix of log lines about programs and users. A report keeps none of them.
const AUDIT: &str = "audit: ";

/// Patterns for names of programs and users in the kernel's log, and their replacements.
const NAMES: [(&str, &str); 9] = [
    // amdgpu's own lines. In some of them the number called "pasid" is a process id.
    (r"process .*?\(pasid:[0-9]+\)", "process ?(pasid:?)"),
    ("(?i)pasid[ :=]*[0-9]+", "pasid ?"),
    (
        "(?i)(process|thread|task) .*? pid[ :=]*[0-9]+",
        "$1 ? pid ?",
    ),
    ("(?i)pid[ :=]*[0-9]+", "pid ?"),
    // Programs that crashed, that hang, or that used too much memory.
    (
        r"^(traps: )?.*?\[[0-9]+\](:? (?:segfault|general protection|trap) )",
        "$1?[?]$2",
    ),
    ("task .*?:[0-9]+ blocked", "task ?:? blocked"),
    (r"process [0-9]+ \(.*?\)", "process ? (?)"),
    // Faults of the kernel.
    ("Comm: .*? (Tainted|Not tainted)", "Comm: ? $1"),
    ("UID: ?[0-9]+", "UID: ?"),
];

/// Removes names and ids of programs, paths in environments, and everything in the kernel's log and
/// command line that is not about the card.
pub fn hide(facts: &mut Facts) -> Result<()> {
    facts
        .kernel
        .command_line
        .retain(|word| PARAMETERS.iter().any(|start| word.starts_with(start)));

    let programs = &mut facts.processes;
    for program in programs.list.iter_mut().chain(&mut programs.others) {
        program.pid = 0;
        program.command = LEFT_OUT.to_owned();
        program.environment.iter_mut().for_each(|own| paths(own));
        hide_folders(&mut program.libraries);
    }
    programs.stuck.fill(0);
    users_and_files(facts);

    let programs = &mut facts.processes;
    paths(&mut programs.own);
    if let Some((from, variables)) = &mut programs.caller {
        *from = LEFT_OUT.to_owned();
        paths(variables);
    }
    if let Some(text) = &mut programs.preloaded_in_all {
        *text = LEFT_OUT.to_owned();
    }

    let mut names = Vec::new();
    for (pattern, instead) in NAMES {
        names.push((Regex::new(pattern)?, instead));
    }
    let lines = &mut facts.log.lines;
    lines.retain(|line| line.is_about_the_card() && !line.text.starts_with(AUDIT));
    for line in lines {
        for (pattern, instead) in &names {
            line.text = pattern.replace_all(&line.text, *instead).into_owned();
        }
    }
    Ok(())
}

/// Replaces names of users, paths of their homes, and the evidence of the environment.
fn users_and_files(facts: &mut Facts) {
    let users = &mut facts.access.users;
    let mut homes = Vec::new();
    for user in users.own.iter_mut().chain(&mut users.caller) {
        if let Some(home) = user.home.as_ref().filter(|_| user.uid != 0) {
            homes.push(home.to_string_lossy().into_owned());
        }
        if user.uid != 0 {
            user.name = LEFT_OUT.to_owned();
        }
    }
    let kept = &mut facts.kept;
    let files = kept
        .list
        .iter_mut()
        .map(|one| &mut one.file)
        .chain(&mut kept.stuck);
    for file in files {
        for home in &homes {
            if let Some(rest) = file.strip_prefix(home.as_str()) {
                *file = format!("{LEFT_OUT}{rest}");
            }
        }
    }
    for (_, what) in &mut facts.place.evidence {
        *what = LEFT_OUT.to_owned();
    }
}

/// Removes the folders of a program's libraries, because many are below a user's home.
fn hide_folders(libraries: &mut Mapped) {
    let Mapped::Found(found) = libraries else {
        return;
    };
    let folders = found.list.iter().map(|one| one.folder().to_owned());
    let kernels = found.kernels.iter().map(|one| one.folder.clone());
    let folders: Vec<_> = folders.chain(kernels).collect();
    let hide = |text: &mut String| {
        for folder in folders.iter().filter(|folder| folder.len() > 1) {
            *text = text.replace(folder.as_str(), LEFT_OUT);
        }
    };
    for library in &mut found.list {
        hide(&mut library.path);
        library.unreadable.as_mut().map(hide);
    }
    for kernels in &mut found.kernels {
        hide(&mut kernels.folder);
        kernels.unreadable.as_mut().map(hide);
    }
    found.without_kernels.iter_mut().for_each(hide);
    found.unseen.clear();
}

fn paths(variables: &mut [Variable]) {
    for (name, value) in variables {
        if name.starts_with("LD_") {
            *value = LEFT_OUT.to_owned();
        }
    }
}

/// Removes the card's serial number from its properties in KFD's topology.
pub fn serial_number(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(' ') {
        Some(("unique_id", _)) => "unique_id 0\n".to_owned(),
        _ => format!("{line}\n"),
    });
    lines.collect()
}
