// SPDX-License-Identifier: GPL-2.0

//! Tests that `docs/files.md` describes exactly the keys, rules and counters that the code defines.

mod common;

use common::{Bus, Found, Tree};
use rdna1_kfd_guard::{
    facts::tally::Tally,
    rules::RULES, //
};

/// The first column of the table in the section whose title starts with `section`.
fn described(section: &str) -> Vec<String> {
    let page = include_str!("../docs/files.md");
    let start = page.find(&format!("\n## {section}")).unwrap();
    let rest = &page[start + 1..];
    let end = rest.find("\n## ").unwrap_or(rest.len());
    let rows = rest[..end].lines().filter_map(|line| {
        let (cell, _) = line.strip_prefix("| ")?.split_once(" |")?;
        (!cell.starts_with("---")).then_some(cell)
    });
    // Skip the table's header.
    let cells = rows.skip(1).flat_map(|cell| cell.split(", "));
    cells.map(str::to_owned).collect()
}

#[test]
fn the_page_describes_the_keys_that_are_written() {
    let found = Found::of(&Tree::honest(), &Bus::honest());
    for (file, records) in [
        ("heaps", found.heaps()),
        ("gpus", found.gpus()),
        ("flags", found.flags()),
        ("checks", found.checks()),
    ] {
        let mut described = described(file);
        described.sort();
        let written: Vec<_> = records[0].keys().cloned().collect();
        assert_eq!(described, written, "{file}");
    }
}

#[test]
fn the_page_describes_the_rules() {
    let names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(described("Rules"), names);
}

#[test]
fn the_page_describes_the_counters() {
    assert_eq!(described("counters"), Tally::NAMES);
}
