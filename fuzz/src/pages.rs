// SPDX-License-Identifier: GPL-2.0

//! Checks of the core's four pages that must pass for any machine.

use rdna1_kfd_guard::{
    facts::{snapshot::Snapshot, tally::Tally},
    observe::observe,
    text,
};

use crate::Machine;

struct Pages {
    gpus: String,
    heaps: String,
    flags: String,
    checks: String,
}

impl Pages {
    fn of(machine: &Machine) -> Self {
        let mut tally = Tally::default();
        let snapshot: Snapshot =
            observe(&mut machine.clone(), machine.pci().as_mut(), &mut tally)
                .expect("maps of the host do not fail");
        let page = |write: &dyn Fn(&mut String) -> std::fmt::Result| {
            let mut page = String::new();
            write(&mut page).expect("a String takes all text");
            page
        };
        Self {
            gpus: page(&|page| text::gpus(&snapshot, page)),
            heaps: page(&|page| text::heaps(&snapshot, page)),
            flags: page(&|page| text::flags(&snapshot, page)),
            checks: page(&|page| text::checks(&snapshot, page)),
        }
    }

    fn all(&self) -> [(&str, &str); 4] {
        [
            ("gpus", &self.gpus),
            ("heaps", &self.heaps),
            ("flags", &self.flags),
            ("checks", &self.checks),
        ]
    }
}

/// Panics if the core panics, or if a page does not have the format of version 1.
///
/// For one input in [`THOROUGH`], chosen by its hash, it also panics if pages contradict each
/// other, or if a second run on an unchanged machine differs. Those checks take longest.
pub fn check(machine: &Machine) {
    let pages = Pages::of(machine);
    for (name, page) in pages.all() {
        expect_form(name, page);
    }
    if machine.hash() % THOROUGH == 0 {
        check_thoroughly(machine, &pages);
    }
}

const THOROUGH: u32 = 16;

fn check_thoroughly(machine: &Machine, pages: &Pages) {
    for record in pages.all().into_iter().flat_map(|(_, page)| records(page)) {
        expect_values(record);
    }
    let checks: Vec<_> = records(&pages.checks).collect();
    for record in records(&pages.heaps) {
        expect_drawn_from(record, &checks, true);
    }
    for record in records(&pages.gpus).chain(records(&pages.flags)) {
        expect_drawn_from(record, &checks, false);
    }
    for check in checks {
        let known = field(check, "observed") != Some("?");
        assert!(known || field(check, "verdict") != Some("lie"), "{check}");
    }
    if machine.is_still() {
        let again = Pages::of(machine);
        for ((_, page), (_, other)) in pages.all().into_iter().zip(again.all()) {
            assert_eq!(page, other, "another look at the same");
        }
    }
}

/// Lines after the heading have only `key=value` pairs, separated by one blank.
fn expect_form(name: &str, page: &str) {
    let heading = page.lines().next().unwrap_or_default();
    let words = ["#", "rdna1", name, "v1"];
    assert!(heading.split(' ').eq(words), "{page}");
    let mut before = b'\n';
    let mut equals = 0;
    for &byte in page[heading.len() + 1..].as_bytes() {
        match byte {
            b'=' => equals += 1,
            b' ' | b'\n' => {
                assert!(
                    equals == 1 && !matches!(before, b'=' | b' ' | b'\n'),
                    "{page}"
                );
                equals = 0;
            }
            b'"' | b'\'' => panic!("{page}"),
            _ => assert!(byte.is_ascii_graphic(), "{page}"),
        }
        before = byte;
    }
    assert_eq!(before, b'\n', "{page}");
}

fn expect_values(record: &str) {
    let mut keys = Vec::new();
    for (key, _) in record.split(' ').filter_map(|pair| pair.split_once('=')) {
        assert!(!keys.contains(&key), "{key} twice in {record}");
        keys.push(key);
    }
    for (key, values) in [
        ("verdict", &["truth", "lie", "unknown", "unjudged"][..]),
        ("coarse_grained_only", &["1", "?"]),
        ("fine_grained", &["0", "?"]),
        ("kfd", &["present", "absent", "unreadable"]),
    ] {
        let sound = field(record, key).is_none_or(|value| values.contains(&value));
        assert!(sound, "{key} in {record}");
    }
}

/// A record's verdict must be the worst of its node's checks; in `heaps`, of its bank's and those
/// of its node that name no bank.
fn expect_drawn_from(record: &str, checks: &[&str], of_bank: bool) {
    let same = |check: &str, key| field(check, key) == field(record, key);
    let worst = |of_all_nodes: bool| {
        let concerns = |check: &&str| {
            same(check, "gpu")
                && (of_all_nodes || same(check, "node"))
                && (!of_bank || field(check, "bank") == Some("-") || same(check, "bank"))
        };
        let concerning = checks.iter().copied().filter(concerns);
        let verdicts: Vec<_> = concerning
            .filter_map(|check| field(check, "verdict"))
            .collect();
        ["lie", "unknown", "truth", "unjudged"]
            .into_iter()
            .find(|verdict| verdicts.contains(verdict))
    };
    let verdict = field(record, "verdict");
    // A card's verdict is the worst of all its nodes. Two cards that name no domain can have the
    // same address.
    let of_card = !of_bank && verdict == worst(true) && verdict.is_some();
    // A card has no checks if KFD claims nothing about it, or if its claims are unknown.
    let of_nothing = worst(false).is_none() && matches!(verdict, Some("unjudged" | "unknown"));
    assert!(
        of_card || of_nothing || verdict == worst(false),
        "{record}\n{checks:#?}"
    );
}

fn records(page: &str) -> impl Iterator<Item = &str> {
    page.lines().skip(1)
}

fn field<'r>(record: &'r str, key: &str) -> Option<&'r str> {
    let pairs = record.split(' ').filter_map(|pair| pair.split_once('='));
    pairs
        .into_iter()
        .find_map(|(name, value)| (name == key).then_some(value))
}
