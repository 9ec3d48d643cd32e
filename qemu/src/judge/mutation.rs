// SPDX-License-Identifier: GPL-2.0

//! Is every pattern needed? Each is taken out in turn: a golden log must then
//! be judged wrongly, or the pattern is one that no test would miss.

use super::golden::index;
use super::patterns::{Patterns, TEXT};

/// Lists in the file of patterns.
const LISTS: [&str; 4] = ["pattern", "expected_taint", "taint", "note"];

#[test]
fn every_pattern_is_needed() {
    let logs = index();
    let whole: toml::Table = TEXT.parse().expect("a sound file");
    let mut not_needed = Vec::new();
    for list in LISTS {
        let entries = whole[list].as_array().expect("a list").len();
        assert!(entries > 0, "{list}");
        for place in 0..entries {
            let mut mutant = whole.clone();
            let removed = mutant[list].as_array_mut().expect("a list").remove(place);
            let text = toml::to_string(&mutant).expect("text");
            let patterns = Patterns::parse(&text).expect("still sound");
            if logs
                .iter()
                .all(|log| log.is_judged_rightly(&patterns).is_ok())
            {
                not_needed.push(format!("{list}: {removed}"));
            }
        }
    }
    let none: [String; 0] = [];
    assert_eq!(not_needed, none, "no log would miss these");
    assert_eq!(whole.len(), LISTS.len(), "another list in the file");
}
