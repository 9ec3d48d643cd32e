// SPDX-License-Identifier: GPL-2.0

//! The command `doctor`: each problem by itself, and a healthy machine as the control.

mod access;
mod card;
mod containers;
mod driver;
mod log;
#[path = "../machine/mod.rs"]
mod machine;
mod module;
mod parameters;
mod place;
mod system;
mod verdicts;

use machine::{contains, Machine};

const CARD: &str = "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0";
const NODE: &str = "/sys/class/kfd/kfd/topology/nodes/1";

/// Asserts exactly these findings besides the good ones; returns their text.
fn expect(machine: &Machine, wanted: &[(&str, &str)]) -> String {
    let findings = machine.findings();
    let seen: Vec<_> = findings
        .iter()
        .map(|(id, state, _)| (id.as_str(), state.as_str()))
        .collect();
    assert_eq!(seen, wanted, "{findings:#?}");
    findings.into_iter().map(|(_, _, said)| said).collect()
}

fn lacks(said: &str, words: &[&str]) {
    for word in words {
        assert!(!said.contains(word), "{word:?} is in {said}");
    }
}

/// Asserts that this finding occurs once, in that state; returns its text.
fn finding(machine: &Machine, id: &str, state: &str) -> String {
    let findings = machine.findings();
    let mut found = findings.iter().filter(|(seen, ..)| seen == id);
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no {id} in {findings:#?}"));
    assert_eq!(one.1, state, "{findings:#?}");
    assert!(found.next().is_none(), "{findings:#?}");
    one.2.clone()
}

/// No fake system has a package of amdgpu, unless a test adds one.
const NO_PACKAGE: (&str, &str) = ("amdgpu-package", "unseen");

#[test]
fn a_healthy_machine_has_no_trouble() {
    expect(&Machine::healthy(), &[NO_PACKAGE]);
}
