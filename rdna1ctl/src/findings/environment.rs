// SPDX-License-Identifier: GPL-2.0

//! Variables that libraries read: those of running programs, and those of the next one.

use crate::sources::processes::Variable;
use crate::sources::Facts;

use super::overrides::{concerns, node, version};
use super::{Finding, TRUTH};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut unread = Vec::new();
    for process in &facts.processes.list {
        let whose = format!("process {} ({})", process.pid, process.command);
        match &process.environment {
            Some(variables) => found.extend(of(
                facts,
                &whose,
                &format!("/proc/{}/environ", process.pid),
                variables,
            )),
            None => unread.push(whose),
        }
    }
    found.extend(of(
        facts,
        "your shell",
        "/proc/self/environ",
        &facts.processes.own,
    ));
    if let Some((from, variables)) = &facts.processes.caller {
        // The findings above cover the variables that sudo passed on.
        let mut taken = variables.clone();
        taken.retain(|one| !facts.processes.own.contains(one));
        found.extend(of(facts, "your shell, from before sudo,", from, &taken));
    }
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
    found
}

/// The findings for one environment.
fn of(facts: &Facts, whose: &str, from: &str, variables: &[Variable]) -> Vec<Finding> {
    let judged = variables.iter().filter_map(|(name, value)| {
        let found = if concerns(facts, name, variables) {
            overridden(whose, name, value)
        } else {
            judge(whose, name, value)?
        };
        Some(found.seen(from, format!("{name}={value}")))
    });
    judged.collect()
}

/// The finding for a variable other than an override, if it matters for a 0x731f.
fn judge(whose: &str, name: &str, value: &str) -> Option<Finding> {
    match name {
        "HSA_FORCE_FINE_GRAIN_PCIE" if value == "1" => Some(
            Finding::trouble(
                "fine-grain-forced",
                format!("{whose} makes ROCr offer fine-grained VRAM, which the card does not have"),
            )
            .advise(format!("unset {name}, and start the program again"))
            .advise(format!("{TRUTH} section 5")),
        ),
        "LD_PRELOAD" if !value.is_empty() => Some(
            Finding::note(
                "preload",
                format!("{whose} loads a library before all others"),
            )
            .advise("if it is the shim of the patch, unset LD_PRELOAD: that shim crashed programs"),
        ),
        "MIOPEN_FIND_ENFORCE" if !matches!(value, "" | "1" | "NONE") => Some(
            Finding::trouble(
                "miopen-search-forced",
                format!("{whose} forces MIOpen to search or to write its database: the first run may take far longer"),
            )
            .advise("unset MIOPEN_FIND_ENFORCE: 3 is SEARCH, no value means \"database only\"")
            .advise(format!("{TRUTH} section 6")),
        ),
        _ => None,
    }
}

fn overridden(whose: &str, name: &str, value: &str) -> Finding {
    let for_node = node(name).map_or_else(String::new, |node| format!(" of node {node}"));
    match version(value) {
        Some([10, 1, 0]) => Finding::note(
            "override-idle",
            format!("{whose} overrides the ISA{for_node} with gfx1010, which the card has anyway"),
        )
        .advise(format!("unset {name}: it changes nothing here, and misleads on another card")),
        Some([major, minor, step]) => Finding::trouble(
            "override",
            format!(
                "{whose} makes libraries take the card{for_node} for a gfx{major}{minor:x}{step:x}; it is a gfx1010, \
                 and cannot run that code"
            ),
        )
        .advise(format!("unset {name}, and start the program again"))
        .advise("use libraries built for gfx1010: rocBLAS from ROCm 6.2 on, or Debian's packages")
        .advise(format!("{TRUTH} section 6")),
        None => Finding::trouble(
            "override-malformed",
            format!(
                "{whose} overrides the ISA{for_node} with a malformed version: ROCm's libraries then \
                 find no GPU at all"
            ),
        )
        .advise(format!("unset {name}, and start the program again")),
    }
}
