// SPDX-License-Identifier: GPL-2.0

//! What `make test FILTER=` picks.

use anyhow::{bail, Result};
use regex::Regex;

/// Which groups, and which cases of a suite.
pub struct Filter {
    group: Option<Regex>,
    /// Which cases of the suites.
    pub cases: Option<String>,
    case_globs: Vec<Regex>,
}

impl Filter {
    /// `GROUP` or `SUITE/CASE`, each with `*` and `?`.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else {
            return Ok(Self {
                group: None,
                cases: None,
                case_globs: Vec::new(),
            });
        };
        let (group, cases) = match text.split_once('/') {
            Some((group, cases)) => (group, Some(cases.to_owned())),
            None => (text, None),
        };
        let blank = |c: char| c.is_whitespace() || c == '"';
        if cases.as_ref().is_some_and(|c| c.contains(blank)) {
            bail!("FILTER={text}: a case's name has no blank and no quote");
        }
        Ok(Self {
            group: Some(glob(group)?),
            case_globs: cases
                .iter()
                .flat_map(|cases| cases.split(','))
                .filter(|one| !one.is_empty())
                .map(glob)
                .collect::<Result<_>>()?,
            cases,
        })
    }

    /// Whether the group of that name is wanted.
    pub fn wants(&self, group: &str) -> bool {
        self.group.as_ref().is_none_or(|g| g.is_match(group))
    }

    /// Whether a group that is no suite is wanted: such have no cases.
    pub fn wants_check(&self, group: &str) -> bool {
        self.cases.is_none() && self.wants(group)
    }

    /// Whether a case is wanted; read as the guest reads it.
    pub fn wants_case(&self, case: &str) -> bool {
        self.case_globs.is_empty() || self.case_globs.iter().any(|g| g.is_match(case))
    }
}

fn glob(text: &str) -> Result<Regex> {
    let pattern = regex::escape(text).replace(r"\*", ".*").replace(r"\?", ".");
    Ok(Regex::new(&format!("^{pattern}$"))?)
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn a_filter_names_groups_or_cases() {
        let filter = Filter::parse(Some("no-*")).expect("a sound filter");
        assert!(filter.wants("no-amdgpu") && !filter.wants("tree"));
        let filter = Filter::parse(Some("tree/lie-*")).expect("a sound filter");
        assert!(filter.wants("tree") && !filter.wants_check("clippy"));
        assert_eq!(filter.cases.as_deref(), Some("lie-*"));
        assert!(filter.wants_case("lie-xgmi") && !filter.wants_case("a-lie-"));
        let filter = Filter::parse(Some("tree/,one,t?o")).expect("a sound filter");
        assert!(filter.wants_case("two") && filter.wants_case("one"));
        assert!(!filter.wants_case("three"));
        let filter = Filter::parse(Some("tree/")).expect("a sound filter");
        assert!(filter.wants_case("any"));
        assert!(Filter::parse(Some("tree/a b")).is_err());
        assert!(Filter::parse(Some("(")).is_ok());
    }
}
