// SPDX-License-Identifier: GPL-2.0

//! What `harness test --filter` picks.

use anyhow::{bail, Result};
use regex::Regex;

/// Which groups, and which cases of a suite.
pub struct Filter {
    group: Option<Regex>,
    /// Which cases of the suites.
    pub cases: Option<String>,
}

impl Filter {
    /// `GROUP` or `SUITE/CASE`, each with `*` and `?`.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else {
            return Ok(Self {
                group: None,
                cases: None,
            });
        };
        let (group, cases) = match text.split_once('/') {
            Some((group, cases)) => (group, Some(cases.to_owned())),
            None => (text, None),
        };
        let blank = |c: char| c.is_whitespace() || c == '"';
        if cases.as_ref().is_some_and(|c| c.contains(blank)) {
            bail!("--filter {text}: a case's name has no blank and no quote");
        }
        let pattern = regex::escape(group)
            .replace(r"\*", ".*")
            .replace(r"\?", ".");
        Ok(Self {
            group: Some(Regex::new(&format!("^{pattern}$"))?),
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
        assert!(Filter::parse(Some("tree/a b")).is_err());
        assert!(Filter::parse(Some("(")).is_ok());
    }
}
