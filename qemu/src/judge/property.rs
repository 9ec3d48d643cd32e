// SPDX-License-Identifier: GPL-2.0

//! Properties that the judge must have for any output of a guest.

use proptest::prelude::*;

use super::golden::{ending, read};
use super::ktap::closing;
use super::{judge, Evidence, Verdict};

fn judged(console: &str, ktap: &str) -> Verdict {
    judge(&Evidence {
        console,
        ktap,
        qemu: "",
        asked: None,
        ending: ending("exit 0"),
    })
}

/// Checks that a pass has one verdict, in its last line, and as many results as planned.
fn expect_sound(verdict: &Verdict, ktap: &str) -> Result<(), TestCaseError> {
    if !verdict.passed() {
        return Ok(());
    }
    let closings = ktap.lines().filter(|line| closing(line).is_some());
    prop_assert_eq!(closings.count(), 1);
    prop_assert!(ktap.ends_with('\n'));
    let last = ktap.lines().rfind(|l| !l.trim().is_empty());
    let last = last.unwrap_or_default();
    prop_assert!(last.starts_with("# modproof verdict: pass "), "{}", last);
    let results = ktap.lines().filter(|l| l.starts_with("ok "));
    prop_assert_eq!(Some(results.count()), verdict.stream.plan);
    prop_assert!(!ktap.contains("\nnot ok "));
    Ok(())
}

/// A change to a stream: the line, the kind of change, and the new text.
type Edit = (prop::sample::Index, u8, String);

fn edited(ktap: &str, edits: &[Edit]) -> String {
    let mut lines: Vec<String> = ktap.split_inclusive('\n').map(str::to_owned).collect();
    for (place, what, text) in edits {
        let place = place.index(lines.len().max(1));
        match (what % 6, lines.get(place).cloned()) {
            (0, Some(_)) => drop(lines.remove(place)),
            (1, Some(line)) => lines.insert(place, line),
            (2, Some(line)) => lines[place] = line.replacen('1', text, 1),
            (3, Some(line)) => lines.push(line),
            (4, Some(line)) => lines[place] = line.trim_end().to_owned(),
            _ => lines.insert(place.min(lines.len()), format!("{text}\n")),
        }
    }
    lines.concat()
}

proptest! {
    #[test]
    fn whatever_a_guest_says_is_judged(console: Vec<u8>, ktap: Vec<u8>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let verdict = judged(&text(&console), &text(&ktap));
        prop_assert!(!verdict.passed());
    }

    #[test]
    fn words_of_the_protocol_in_any_order(
        words in prop::collection::vec(prop::sample::select(vec![
            "KTAP version 1", "\n", "\n", "\r\n", "1..", "1", "2", " ", "ok ", "not ok ", "# SKIP",
            "# modproof verdict: ", "pass", "fail", " passed=1", " failed=0", " skipped=0", "a", "\u{fffd}",
        ]), 0..60),
    ) {
        let ktap = words.concat();
        let verdict = judged(&read("quiet", "console"), &ktap);
        expect_sound(&verdict, &ktap)?;
    }

    #[test]
    fn a_good_stream_that_was_changed(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), "[ -~]{0,12}"), 1..4),
    ) {
        let ktap = edited(&read("pass", "ktap"), &edits);
        let verdict = judged(&read("pass", "console"), &ktap);
        expect_sound(&verdict, &ktap)?;
    }
}

#[test]
fn a_stream_that_was_not_changed_passes() {
    let ktap = read("pass", "ktap");
    let verdict = judged(&read("pass", "console"), &ktap);
    assert!(verdict.passed(), "{:?}", verdict.reasons);
    assert!(expect_sound(&verdict, &ktap).is_ok());
}
