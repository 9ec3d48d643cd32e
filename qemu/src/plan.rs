// SPDX-License-Identifier: GPL-2.0

//! Divides a suite's cases among guests.

use modproof_formats::{words, CaseListing};

use crate::boot::Boot;
use crate::filter::Filter;
use crate::suites::Suite;

/// The guests for the chosen cases of a suite. With `warm`, each case starts from a snapshot in its
/// own guest, and the cases that need a cold boot share one guest. Without `warm`, or if the cases
/// are not known here, all share one guest that boots cold.
pub fn boots<'s>(
    suite: &'s Suite,
    known: Option<&[CaseListing]>,
    wanted: &Filter,
    warm: bool,
) -> Vec<Boot<'s>> {
    let asked = wanted;
    let wanted = suite.wanted(asked);
    let boot = |name: String, words: String, cases, warm| Boot {
        name,
        suite,
        words,
        cases,
        warm,
        live: false,
    };
    let some = |name: String, cases: &[&str], warm| {
        let names = cases.iter().map(|case| (*case).to_owned());
        boot(name, cases_word(cases), Some(names.collect()), warm)
    };
    let all = known.map(|known| wanted_of(known, wanted));
    let Some(known) = known.filter(|_| warm && suite.warm.is_some()) else {
        let words = wanted.cases.as_ref().map(|c| cases_word(&[c.as_str()]));
        return vec![boot(
            suite.name.clone(),
            words.unwrap_or_default(),
            all,
            false,
        )];
    };
    let mut booted = Vec::new();
    let mut groups: Vec<Vec<&str>> = Vec::new();
    let mut goes_on = false;
    let is_wanted =
        |case: &&CaseListing| wanted.wants_case(&case.name) && !suite.leaves_out(&case.name, asked);
    for case in known.iter().filter(is_wanted) {
        if case.cold {
            booted.push(case.name.as_str());
            continue;
        }
        match groups.last_mut().filter(|_| goes_on) {
            Some(group) => group.push(&case.name),
            None => groups.push(vec![&case.name]),
        }
        goes_on = case.keeps_modules;
    }
    let mut boots = Vec::new();
    if !booted.is_empty() {
        boots.push(some(suite.name.clone(), &booted, false));
    }
    for group in groups {
        let name = format!("{}/{}", suite.name, group[0]);
        boots.push(some(name, &group, true));
    }
    boots
}

/// The names of the chosen cases.
pub fn wanted_of(known: &[CaseListing], wanted: &Filter) -> Vec<String> {
    let wanted = known.iter().filter(|case| wanted.wants_case(&case.name));
    wanted.map(|case| case.name.clone()).collect()
}

fn cases_word(cases: &[&str]) -> String {
    words::word(words::CASES, &cases.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(warm: &str) -> Suite {
        let text = format!("name='s'\nabout='b'\nlimit_seconds=1\nsilence_seconds=1\n{warm}");
        toml::from_str(&text).expect("a suite")
    }

    fn known() -> Vec<CaseListing> {
        ["cold-a", "b", "keeps-c", "d", "e", "cold-f"]
            .map(|name| CaseListing {
                name: name.to_owned(),
                cold: name.starts_with("cold"),
                keeps_modules: name.starts_with("keeps"),
            })
            .to_vec()
    }

    fn plan(suite: &Suite, filter: Option<&str>, warm: bool) -> Vec<(String, String, bool)> {
        let wanted = Filter::parse(filter).expect("a filter");
        let boots = boots(suite, Some(&known()), &wanted, warm);
        let parts = boots.into_iter().map(|b| (b.name, b.words, b.warm));
        parts.collect()
    }

    fn row(name: &str, words: &str, warm: bool) -> (String, String, bool) {
        (name.to_owned(), words.to_owned(), warm)
    }

    #[test]
    fn slow_cases_are_left_out_of_a_plain_test() {
        let suite = suite("warm=[]\nslow_cases=['b']");
        assert_eq!(plan(&suite, None, true).len(), 3);
        for filter in ["s", "s/*", "s/b"] {
            let planned = plan(&suite, Some(filter), true);
            assert!(planned.iter().any(|(name, ..)| name == "s/b"), "{filter}");
        }
        let full = Filter::parse(None).expect("a filter").of_full(true);
        assert_eq!(boots(&suite, Some(&known()), &full, true).len(), 4);
    }

    #[test]
    fn each_case_has_its_guest_but_for_those_that_go_together() {
        let expected = [
            row("s", "modproof.cases=cold-a,cold-f", false),
            row("s/b", "modproof.cases=b", true),
            row("s/keeps-c", "modproof.cases=keeps-c,d", true),
            row("s/e", "modproof.cases=e", true),
        ];
        assert_eq!(plan(&suite("warm=[]"), None, true), expected);
        assert_eq!(plan(&suite("warm=[]"), Some("s/b,d"), true).len(), 2);
        assert_eq!(
            plan(&suite("warm=[]"), Some("s/cold-a"), true),
            [row("s", "modproof.cases=cold-a", false)]
        );
    }

    #[test]
    fn a_cold_suite_is_one_boot() {
        for (warm, of_suite) in [(true, ""), (false, "warm=[]")] {
            assert_eq!(plan(&suite(of_suite), None, warm), [row("s", "", false)]);
            let some = plan(&suite(of_suite), Some("s/b,?"), warm);
            assert_eq!(some, [row("s", "modproof.cases=b,?", false)]);
        }
    }

    #[test]
    fn the_judge_is_told_which_cases_are_asked_for() {
        let asked = |filter, warm| -> Vec<String> {
            let wanted = Filter::parse(filter).expect("a filter");
            let suite = suite("warm=[]");
            let boots = boots(&suite, Some(&known()), &wanted, warm);
            let asked = boots.into_iter().map(|boot| boot.cases.expect("known"));
            asked.map(|cases| cases.join(" ")).collect()
        };
        assert_eq!(asked(None, true), ["cold-a cold-f", "b", "keeps-c d", "e"]);
        assert_eq!(asked(None, false), ["cold-a b keeps-c d e cold-f"]);
        assert_eq!(asked(Some("s/e,cold-*"), false), ["cold-a e cold-f"]);
    }

    #[test]
    fn cases_that_are_not_known_here_are_left_to_the_guest() {
        let wanted = Filter::parse(Some("s/x*")).expect("a filter");
        let suite = suite("warm=[]");
        let boots = boots(&suite, None, &wanted, true);
        assert_eq!(boots.len(), 1);
        assert_eq!(boots[0].cases, None);
        assert!(!boots[0].warm && boots[0].words == "modproof.cases=x*");
    }
}
