// SPDX-License-Identifier: GPL-2.0

//! Findings about variables that libraries read: those of running programs, those of the next
//! program, and those that files set for later programs.

use std::collections::BTreeMap;

use crate::sources::kept::{FileVariable, Reach};
use crate::sources::processes::{Process, Variable};
use crate::sources::Facts;

use super::judged::{judged, Judged};
use super::{Finding, State};

/// The most programs, files or lines that a finding names.
const NAMED: usize = 3;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut unread = Vec::new();
    for process in &facts.processes.list {
        let whose = name(process);
        let Some(variables) = &process.environment else {
            unread.push(whose);
            continue;
        };
        let from = format!("/proc/{}/environ", process.pid);
        let all = judged(facts, variables)
            .into_iter()
            .filter(|one| !one.is_choice);
        found.extend(all.map(|one| of(facts, &one, &whose, &from, Some(process))));
    }
    let own = judged(facts, &facts.processes.own).into_iter();
    found.extend(own.map(|one| of(facts, &one, "your shell", "/proc/self/environ", None)));
    if let Some((from, variables)) = &facts.processes.caller {
        // Skip variables that sudo passed on: the findings above cover them.
        let mut taken = variables.clone();
        taken.retain(|one| !facts.processes.own.contains(one));
        let all = judged(facts, &taken).into_iter();
        found.extend(all.map(|one| of(facts, &one, "your shell, from before sudo,", from, None)));
    }
    found.extend(others(facts));
    // Skip lines that a finding above names.
    let is_named = |kept: &FileVariable| {
        let mut evidence = found.iter().flat_map(|one| &one.evidence);
        evidence.any(|one| one.from == place(kept))
    };
    let files = files(facts, is_named);
    found.extend(files);
    if let Some(text) = &facts.processes.preloaded_in_all {
        found.push(
            Finding::note(
                "preload-all",
                "a library is loaded into every program before all others",
            )
            .seen("/etc/ld.so.preload", text)
            .advise("if it is the shim of the patch, remove its line: that shim crashed programs"),
        );
    }
    if found.is_empty() {
        let count = facts.processes.list.len() - unread.len();
        found.push(
            Finding::good(
                "environment",
                "no override in the environment of the programs that were found",
            )
            .seen("/proc/*/environ", format!("{count} programs use KFD")),
        );
    }
    if !unread.is_empty() || facts.processes.may_be_more {
        found.push(
            Finding::unseen(
                "environment-unread",
                "only root can read the environment of other users' programs",
            )
            .seen(
                "/proc/*/environ",
                if unread.is_empty() {
                    "some programs".to_owned()
                } else {
                    unread.join(", ")
                },
            )
            .advise("sudo rdna1ctl doctor"),
        );
    }
    found.extend(stuck(facts));
    found
}

fn name(process: &Process) -> String {
    format!("process {} ({})", process.pid, process.command)
}

fn words(variables: &[Variable]) -> String {
    let words = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    words.collect::<Vec<_>>().join(" ")
}

fn of(facts: &Facts, one: &Judged, whose: &str, from: &str, process: Option<&Process>) -> Finding {
    let found = Finding::new(one.state, one.id, format!("{whose} {}", one.says));
    let found = found.seen(from, words(&one.variables));
    let sources = sources(facts, &one.variables, process);
    let found = sources.iter().take(NAMED).fold(found, |found, kept| {
        found.seen(place(kept), format!("sets it for {}", reach(&kept.reach)))
    });
    let found = match sources.first() {
        Some(kept) if one.unset => found.advise(remedy(kept)),
        _ if one.unset => found.advise(format!(
            "unset {}, and start the program again",
            one.names()
        )),
        _ => found,
    };
    one.advice
        .iter()
        .fold(found, |found, step| found.advise(step))
}

/// The lines that set one of these variables to this value, for that program or for all.
fn sources<'a>(
    facts: &'a Facts,
    variables: &[Variable],
    process: Option<&Process>,
) -> Vec<&'a FileVariable> {
    let list = &facts.kept.list;
    let lines = || {
        list.iter()
            .filter(|kept| variables.contains(&kept.variable))
    };
    let unit = process.and_then(|process| process.unit.as_deref());
    let of_unit = |kept: &&FileVariable| match &kept.reach {
        Reach::Unit(name) | Reach::UserUnit(name) => {
            unit.is_some_and(|unit| unit == name || template(unit) == *name)
        }
        Reach::Login | Reach::Services => false,
    };
    let own: Vec<_> = lines().filter(of_unit).collect();
    if !own.is_empty() {
        return own;
    }
    let is_service = process.is_some_and(|process| process.is_service);
    let is_for_all = |kept: &&FileVariable| match kept.reach {
        Reach::Login => !is_service,
        Reach::Services => true,
        Reach::Unit(_) | Reach::UserUnit(_) => false,
    };
    lines().filter(is_for_all).collect()
}

/// The template of a unit's instance: `comfy@.service` for `comfy@alice.service` (systemd.unit(5)).
fn template(unit: &str) -> String {
    match (unit.split_once('@'), unit.rsplit_once('.')) {
        (Some((name, _)), Some((_, kind))) => format!("{name}@.{kind}"),
        _ => unit.to_owned(),
    }
}

fn place(kept: &FileVariable) -> String {
    format!("{}:{}", kept.file, kept.line)
}

fn reach(reach: &Reach) -> String {
    match reach {
        Reach::Login => "each login or shell".to_owned(),
        Reach::Services => "each service".to_owned(),
        Reach::Unit(name) => format!("the unit {name}"),
        Reach::UserUnit(name) => format!("the user's unit {name}"),
    }
}

/// How to undo a line that sets a variable.
fn remedy(kept: &FileVariable) -> String {
    let place = place(kept);
    let again = match &kept.reach {
        Reach::Login => "then log in again".to_owned(),
        Reach::Services => "then reboot".to_owned(),
        Reach::Unit(name) => {
            let service = name.replace(".container", ".service");
            format!("then sudo systemctl daemon-reload && sudo systemctl restart {service}")
        }
        Reach::UserUnit(name) => {
            let service = name.replace(".container", ".service");
            format!("then systemctl --user daemon-reload && systemctl --user restart {service}")
        }
    };
    format!("remove {} from {place}, {again}", kept.variable.0)
}

/// Programs that do not use KFD now, and would have the same variables if they did.
fn others(facts: &Facts) -> Vec<Finding> {
    let mut by_words: BTreeMap<String, (Judged, Vec<&Process>)> = BTreeMap::new();
    for process in &facts.processes.others {
        let variables = process.environment.as_deref().unwrap_or_default();
        for one in judged(facts, variables)
            .into_iter()
            .filter(Judged::is_for_later)
        {
            let words = words(&one.variables);
            let (_, programs) = by_words.entry(words).or_insert_with(|| (one, Vec::new()));
            programs.push(process);
        }
    }
    let found = by_words.into_iter().map(|(words, (one, programs))| {
        let first = programs
            .first()
            .map(|first| name(first))
            .unwrap_or_default();
        let whose = match programs.len() {
            1 => format!("the environment of {first}, which does not use KFD now,"),
            count => format!(
                "the environment of {count} programs that do not use KFD now, such as {first},"
            ),
        };
        let found = Finding::new(
            State::Note,
            "set-in-program",
            format!("{whose} {}", one.says),
        );
        let found = programs.iter().take(NAMED).fold(found, |found, process| {
            let what = format!("{words} ({})", process.command);
            found.seen(format!("/proc/{}/environ", process.pid), what)
        });
        let mut sources: Vec<&FileVariable> = Vec::new();
        for process in &programs {
            for kept in self::sources(facts, &one.variables, Some(process)) {
                if !sources.contains(&kept) {
                    sources.push(kept);
                }
            }
        }
        let found = sources.iter().take(NAMED).fold(found, |found, kept| {
            found.seen(place(kept), format!("sets it for {}", reach(&kept.reach)))
        });
        match sources.first() {
            Some(kept) => found.advise(remedy(kept)),
            None => found.advise(format!(
                "start these programs without {}: no file that was read sets it for them",
                one.names()
            )),
        }
    });
    found.collect()
}

/// Files that set variables for later programs, except the lines that another finding names.
fn files(facts: &Facts, is_named: impl Fn(&FileVariable) -> bool) -> Vec<Finding> {
    let mut groups: BTreeMap<(&Reach, &str), Vec<&FileVariable>> = BTreeMap::new();
    for kept in &facts.kept.list {
        let file = match kept.reach {
            Reach::Login | Reach::Services => kept.file.as_str(),
            // A unit's drop-ins form one group.
            Reach::Unit(_) | Reach::UserUnit(_) => "",
        };
        groups.entry((&kept.reach, file)).or_default().push(kept);
    }
    let mut found = Vec::new();
    for group in groups.into_values() {
        let variables: Vec<_> = group.iter().map(|kept| kept.variable.clone()).collect();
        for one in judged(facts, &variables)
            .into_iter()
            .filter(Judged::is_for_later)
        {
            let of = |kept: &&&FileVariable| one.variables.contains(&kept.variable);
            let lines: Vec<_> = group.iter().filter(of).collect();
            let Some(first) = lines.first().filter(|first| !is_named(first)) else {
                continue;
            };
            let says = format!(
                "{}, for {}, {}",
                place(first),
                reach(&first.reach),
                one.says
            );
            let finding = Finding::new(State::Note, "set-in-file", says);
            let finding = lines.iter().take(NAMED).fold(finding, |finding, kept| {
                finding.seen(place(kept), words(std::slice::from_ref(&kept.variable)))
            });
            found.push(finding.advise(remedy(first)));
        }
    }
    found
}

fn stuck(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let programs = &facts.processes.stuck;
    if let Some(first) = programs.first() {
        let pids: Vec<_> = programs.iter().take(10).map(u32::to_string).collect();
        found.push(
            Finding::unseen(
                "programs-stuck",
                match programs.len() {
                    1 => "a program did not answer in time: it may be stuck in the kernel, and its environment is unknown".to_owned(),
                    count => format!("{count} programs did not answer in time: they may be stuck in the kernel, and their environment is unknown"),
                },
            )
            .seen("/proc/*/environ", format!("process {}", pids.join(", ")))
            .advise(format!("sudo cat /proc/{first}/stack shows where")),
        );
    }
    let files = &facts.kept.stuck;
    if !files.is_empty() {
        let finding = Finding::unseen(
            "files-stuck",
            "files that may set variables could not be read in time",
        );
        found.push(finding.seen("files", files.join(", ")));
    }
    found
}
