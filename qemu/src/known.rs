// SPDX-License-Identifier: GPL-2.0

//! What the sources name: the guest's suites with their cases, and the rules.
//!
//! Read from the text itself, so that a wrong word is told before anything is
//! fetched, built or booted, and so that no second list can go stale.

use std::path::Path;

use anyhow::{bail, Context, Result};
use regex::Regex;

const GUEST: &str = "selftests/init/src";
const RULES: &str = "src/rules/mod.rs";

/// A suite as the guest knows it.
#[derive(Debug)]
pub struct GuestSuite {
    /// Its name.
    pub name: String,
    /// Its cases; none where they are written in a way that is not understood.
    pub cases: Option<Vec<KnownCase>>,
}

/// A case as the guest knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownCase {
    /// Its name.
    pub name: String,
    /// Whether what it needs is a boot, not a guest that was up already.
    pub cold: bool,
    /// Whether it leaves its modules to the next one.
    pub keeps_modules: bool,
}

/// The suites of the guest's table.
pub fn guest_suites(repo: &Path) -> Result<Vec<GuestSuite>> {
    let file = repo.join(GUEST).join("cases.rs");
    let text = read(&file)?;
    let table = table(&text, "SUITES")
        .with_context(|| format!("no table of suites in {}", file.display()))?;
    let row = Regex::new(r#"\(\s*"([^"]+)",\s*(?:(\w+)::)?(\w+)\s*,?\s*\)"#)?;
    let mut suites = Vec::new();
    for found in row.captures_iter(table) {
        let cases = match found.get(2) {
            Some(module) => {
                let file = format!("{GUEST}/cases/{}.rs", module.as_str());
                read(&repo.join(file)).map_or(None, |text| cases(&text, &found[3]))
            }
            None => cases(&text, &found[3]),
        };
        suites.push(GuestSuite {
            name: found[1].to_owned(),
            cases,
        });
    }
    if suites.is_empty() {
        bail!("no suite in the table of {}", file.display());
    }
    Ok(suites)
}

/// The cases of the suite of that name, if they are known.
pub fn cases_of<'a>(suites: &'a [GuestSuite], name: &str) -> Option<&'a [KnownCase]> {
    let suite = suites.iter().find(|suite| suite.name == name)?;
    suite.cases.as_deref()
}

/// The names of the rules, sorted.
pub fn rules(repo: &Path) -> Result<Vec<String>> {
    let file = repo.join(RULES);
    let name = Regex::new(r#"\bRule::\w+\("([a-z0-9-]+)""#)?;
    let text = read(&file)?;
    let names = name.captures_iter(&text).map(|found| found[1].to_owned());
    let mut names: Vec<_> = names.collect();
    if names.is_empty() {
        bail!("no rule in {}", file.display());
    }
    names.sort();
    Ok(names)
}

/// What stands in `const NAME: ... = &[ ... ];`.
fn table<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("const {name}: "))?;
    let (_, rest) = rest.split_once("= &[")?;
    Some(rest.split_once("];")?.0)
}

fn cases(text: &str, name: &str) -> Option<Vec<KnownCase>> {
    let table = table(text, name)?;
    let case = Regex::new(r#"Case::(\w+)\(\s*"([^"]+)""#).ok()?;
    let names: Vec<_> = case
        .captures_iter(table)
        .map(|found| KnownCase {
            name: found[2].to_owned(),
            cold: &found[1] == "cold",
            keeps_modules: &found[1] == "keeping_modules",
        })
        .collect();
    // Anything else among them, and the list would not be whole.
    let whole = !names.is_empty() && names.len() == table.matches("Case::").count();
    whole.then_some(names)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;
    use crate::config::Suites;
    use crate::judge::ADDED;

    fn repo() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn every_suite_of_the_guest_is_booted_and_no_other() {
        let guest = guest_suites(&repo()).expect("the guest's table");
        let guest: BTreeSet<_> = guest.iter().map(|s| s.name.as_str()).collect();
        let suites = Suites::load(&repo()).expect("suites.toml");
        let with_cases = suites.iter().filter(|s| s.name != crate::shell::SUITE);
        let booted: BTreeSet<_> = with_cases.map(|s| s.guest()).collect();
        assert_eq!(guest, booted);
        for name in ["no-amdgpu", "debugfs-off", "tree", "stock", "demo"] {
            assert!(booted.contains(name), "{name}");
        }
    }

    #[test]
    fn the_cases_of_every_suite_are_understood() {
        for suite in guest_suites(&repo()).expect("the guest's table") {
            let cases = suite.cases.unwrap_or_default();
            assert!(!cases.is_empty(), "{}", suite.name);
        }
    }

    #[test]
    fn a_list_that_is_not_understood_is_none() {
        let one = "const A: &[Case] = &[Case::new(\n\"one\", f)];";
        let known = cases(one, "A").expect("a list");
        assert_eq!(known[0].name, "one");
        assert!(!known[0].cold && !known[0].keeps_modules);
        let two = r#"const A: &[Case] = &[Case::cold("x", f), Case::keeping_modules("y", f)];"#;
        let known = cases(two, "A").expect("a list");
        assert!(known[0].cold && known[1].keeps_modules);
        assert_eq!(cases("const A: &[Case] = &[Case::new(ONE, f)];", "A"), None);
        assert_eq!(cases("const A: &[Case] = OTHERS;", "A"), None);
    }

    /// The judge allows it, though nobody asked for it.
    #[test]
    fn the_case_that_the_guest_adds_is_known() {
        let text = read(&repo().join(GUEST).join("cases.rs")).expect("the guest's table");
        let added = format!("pub const LAST: Case = Case::new(\"{ADDED}\"");
        assert!(text.contains(&added), "{added}");
    }

    #[test]
    fn the_rules_are_found() {
        let rules = rules(&repo()).expect("rules");
        assert!(rules.iter().any(|rule| rule == "bank-flags"));
        let text = read(&repo().join(RULES)).expect("the rules");
        assert_eq!(rules.len(), text.matches("::judge)").count());
    }
}
