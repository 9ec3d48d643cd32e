// SPDX-License-Identifier: GPL-2.0

//! Tests that every pattern is necessary. Without any one pattern, the judge must misjudge a golden
//! log. Otherwise no test would notice the loss of that pattern.

use super::golden::index;
use super::patterns::{Patterns, TEXT};

/// Each pattern by name, with the patterns that remain without it.
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
    // This names all fields, so that a new field is a compile error here.
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
