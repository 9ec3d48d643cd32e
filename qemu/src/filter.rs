// SPDX-License-Identifier: GPL-2.0

//! The filter of `test --filter`: which kernels, groups and cases to run.

use anyhow::{bail, Result};
use wildmatch::WildMatch;

/// Picks kernels, groups, and cases of a suite.
#[derive(Clone, Debug)]
pub struct Filter {
    kernel: Option<WildMatch>,
    group: Option<WildMatch>,
    group_text: Option<String>,
    /// The text of the pattern for cases, as the guest gets it.
    pub cases: Option<String>,
    case_globs: Vec<WildMatch>,
    torture: bool,
    full: bool,
}

impl Filter {
    /// Parses `[KERNEL:]GROUP` or `[KERNEL:]SUITE/CASE`; each part may have `*` and `?`.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else {
            return Ok(Self {
                kernel: None,
                group: None,
                group_text: None,
                cases: None,
                case_globs: Vec::new(),
                torture: false,
                full: false,
            });
        };
        let (group, cases) = match text.split_once('/') {
            Some((group, cases)) => (group, Some(cases.to_owned())),
            None => (text, None),
        };
        let (kernel, group) = match group.split_once(':') {
            Some((kernel, group)) => (Some(kernel), group),
            None => (None, group),
        };
        let blank = |c: char| c.is_whitespace() || c == '"';
        if cases.as_ref().is_some_and(|c| c.contains(blank)) {
            bail!("the filter {text}: a case's name has no blank and no quote");
        }
        Ok(Self {
            kernel: kernel.map(WildMatch::new),
            group: Some(WildMatch::new(group)),
            group_text: Some(group.to_owned()),
            case_globs: cases
                .iter()
                .flat_map(|cases| cases.split(','))
                .filter(|one| !one.is_empty())
                .map(WildMatch::new)
                .collect(),
            cases,
            torture: false,
            full: false,
        })
    }

    /// The same filter. If `torture`, limited to torture suites, but on all kernels.
    pub fn of_torture(self, torture: bool) -> Self {
        Self { torture, ..self }
    }

    /// The same filter. If `full`, includes the long groups that a plain `test` leaves out.
    pub fn of_full(self, full: bool) -> Self {
        Self { full, ..self }
    }

    /// Whether the filter includes the long suites and checks.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Whether the filter picks torture suites only.
    pub fn is_torture(&self) -> bool {
        self.torture
    }

    /// Whether the filter names groups. Otherwise it picks all groups.
    pub fn names_groups(&self) -> bool {
        self.group.is_some()
    }

    /// Whether the user asks for anything. Otherwise the filter picks what a plain `test` runs.
    pub fn is_asked(&self) -> bool {
        self.names_groups() || self.names_kernels()
    }

    /// Whether the filter names kernels. Otherwise it picks all kernels.
    pub fn names_kernels(&self) -> bool {
        self.torture || self.kernel.is_some()
    }

    /// Whether the filter names that group, and does not begin with a wildcard.
    pub fn asks_for(&self, group: &str) -> bool {
        let text = self.group_text.as_deref().unwrap_or_default();
        !text.starts_with(['*', '?']) && self.group.is_some() && self.names(group)
    }

    /// Whether a group runs even if it takes long: in a full run, and if the filter names cases, or
    /// the group by more than wildcards.
    pub fn reaches_slow(&self, group: &str) -> bool {
        let text = self.group_text.as_deref().unwrap_or_default();
        let is_named = text.contains(|c| !matches!(c, '*' | '?'));
        self.full || ((is_named || self.cases.is_some()) && self.names(group))
    }

    /// Whether the filter picks a suite on a kernel.
    pub fn wants_suite(&self, kernel: &str, suite: &str) -> bool {
        self.kernel.as_ref().is_none_or(|k| k.matches(kernel)) && self.names(suite)
    }

    /// Whether the filter picks a group without cases on a kernel.
    pub fn wants_check(&self, kernel: &str, group: &str) -> bool {
        !self.torture && self.cases.is_none() && self.wants_suite(kernel, group)
    }

    /// Whether the filter picks a group that belongs to no kernel.
    pub fn wants_on_host(&self, group: &str) -> bool {
        !self.names_kernels() && self.cases.is_none() && self.names(group)
    }

    /// Whether the filter picks a group of that name, on any kernel.
    pub fn names(&self, group: &str) -> bool {
        self.group.as_ref().is_none_or(|g| g.matches(group))
    }

    /// A pattern of the filter that matches none of these cases.
    pub fn idle_pattern<'c>(&self, cases: impl Iterator<Item = &'c str> + Clone) -> Option<String> {
        let idle = |glob: &&WildMatch| !cases.clone().any(|case| glob.matches(case));
        self.case_globs.iter().find(idle).map(ToString::to_string)
    }

    /// Whether the filter picks a case. The guest reads the same patterns in the same way.
    pub fn wants_case(&self, case: &str) -> bool {
        self.case_globs.is_empty() || self.case_globs.iter().any(|g| g.matches(case))
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn a_filter_names_groups_or_cases() {
        let filter = Filter::parse(Some("no-*")).expect("a sound filter");
        assert!(filter.wants_suite("any", "no-driver") && !filter.wants_suite("any", "tree"));
        let filter = Filter::parse(Some("tree/lie-*")).expect("a sound filter");
        assert!(filter.wants_suite("any", "tree") && !filter.wants_on_host("clippy"));
        assert!(!filter.wants_check("any", "tree"));
        assert_eq!(filter.cases.as_deref(), Some("lie-*"));
        assert!(filter.wants_case("lie-xgmi") && !filter.wants_case("a-lie-"));
        let filter = Filter::parse(Some("tree/,one,t?o")).expect("a sound filter");
        assert!(filter.wants_case("two") && filter.wants_case("one"));
        assert!(!filter.wants_case("three"));
        let filter = Filter::parse(Some("tree/")).expect("a sound filter");
        assert!(filter.wants_case("any"));
        assert!(filter.asks_for("tree") && !filter.asks_for("stock"));
        let all = Filter::parse(Some("*")).expect("a sound filter");
        assert!(all.names("tree") && !all.asks_for("tree"));
        assert!(!Filter::parse(None).expect("none").asks_for("tree"));
        assert!(Filter::parse(Some("tree/a b")).is_err());
        assert!(Filter::parse(Some("(")).is_ok());
    }

    #[test]
    fn a_filter_can_name_kernels() {
        let filter = Filter::parse(Some("sid:tree/lie-*")).expect("a sound filter");
        assert!(filter.names_kernels());
        assert!(filter.wants_suite("sid", "tree") && !filter.wants_suite("newest", "tree"));
        assert!(filter.wants_case("lie-xgmi") && !filter.wants_case("truth"));
        let filter = Filter::parse(Some("s*:*")).expect("a sound filter");
        assert!(filter.wants_check("sid", "module") && !filter.wants_check("newest", "module"));
        assert!(!filter.wants_on_host("clippy"));
    }
}
