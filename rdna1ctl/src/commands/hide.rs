// SPDX-License-Identifier: GPL-2.0

//! What a report leaves out: taken out of the facts, before anything is made of them.

use regex_lite::Regex;

use anyhow::Result;

use crate::sources::processes::Variable;
use crate::sources::Facts;

/// What stands in the place of a name.
const LEFT_OUT: &str = "left-out";

/// Parameters of the kernel's command line that matter here.
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

/// Takes out names and ids of programs, paths in environments, and what of the kernel's log and
/// command line is not about the card.
pub fn hide(facts: &mut Facts) -> Result<()> {
    facts
        .kernel
        .command_line
        .retain(|word| PARAMETERS.iter().any(|start| word.starts_with(start)));

    let programs = &mut facts.processes;
    for program in &mut programs.list {
        program.pid = 0;
        program.command = LEFT_OUT.to_owned();
        program.environment.iter_mut().for_each(|own| paths(own));
    }
    paths(&mut programs.own);
    if let Some((from, variables)) = &mut programs.caller {
        *from = LEFT_OUT.to_owned();
        paths(variables);
    }
    if let Some(text) = &mut programs.preloaded_in_all {
        *text = LEFT_OUT.to_owned();
    }

    let named = Regex::new("(?i)(process|thread|task) .*? pid[ :=]*[0-9]+")?;
    let number = Regex::new("(?i)pid[ :=]*[0-9]+")?;
    facts.log.lines.retain(|line| line.is_about_the_card());
    for line in &mut facts.log.lines {
        let text = named.replace_all(&line.text, "$1 ? pid ?");
        line.text = number.replace_all(&text, "pid ?").into_owned();
    }

    for (name, text) in &mut facts.pages.texts {
        if *name == "requests" {
            *text = requests(text);
        }
    }
    Ok(())
}

fn paths(variables: &mut [Variable]) {
    for (name, value) in variables {
        if name.starts_with("LD_") {
            *value = LEFT_OUT.to_owned();
        }
    }
}

fn requests(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words = line.split(' ').map(|word| match word.split_once('=') {
            Some((key @ ("pid" | "tid" | "command"), _)) => format!("{key}=?"),
            _ => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ") + "\n"
    });
    lines.collect()
}

/// Takes a card's serial number out of its properties.
pub fn serial_number(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(' ') {
        Some(("unique_id", _)) => "unique_id 0\n".to_owned(),
        _ => format!("{line}\n"),
    });
    lines.collect()
}
