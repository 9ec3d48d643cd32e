// SPDX-License-Identifier: GPL-2.0

//! Is every pattern needed? Each is taken out in turn: a golden log must then
//! be judged wrongly, or the pattern is one that no test would miss.

use super::golden::index;
use super::patterns::{Patterns, TEXT};

/// All that can be taken out: what it is, and the patterns without it.
fn mutants() -> Vec<(String, Patterns)> {
    let whole = Patterns::parse(TEXT).expect("sound patterns");
    let mut mutants = Vec::new();
    macro_rules! without_each {
        ($($list:ident),+) => {$(
            for place in 0..whole.$list.len() {
                let mut mutant = whole.clone();
                let removed = mutant.$list.remove(place);
                mutants.push((format!("{removed:?}"), mutant));
            }
        )+};
    }
    // All fields: a new one is an error here.
    let Patterns {
        console: _,
        expected_taint: _,
        taint: _,
        notes: _,
    } = &whole;
    without_each!(console, expected_taint, taint, notes);
    mutants
}

#[test]
fn every_pattern_is_needed() {
    let logs = index();
    let mutants = mutants();
    assert!(!mutants.is_empty());
    let not_missed = |patterns: &Patterns| {
        let mut judged = logs.iter().map(|log| log.is_judged_rightly(patterns));
        judged.all(|rightly| rightly.is_ok())
    };
    let not_needed: Vec<_> = mutants
        .iter()
        .filter(|(_, patterns)| not_missed(patterns))
        .map(|(removed, _)| removed)
        .collect();
    assert!(not_needed.is_empty(), "no log would miss {not_needed:#?}");
}
