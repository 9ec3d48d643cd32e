// SPDX-License-Identifier: GPL-2.0

//! The cases that a kernel may skip. Any other skipped case fails.

use anyhow::{Context, Result};
use serde::Deserialize;
use wildmatch::WildMatch;

/// A `[[skip]]` section, as in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The names of the kernels.
    pub kernels: Vec<String>,
    /// `SUITE/CASE`, with wildcards.
    pub cases: String,
    /// A text that the guest's reason for the skip must contain.
    why: String,
}

impl Entry {
    /// The rule of this section, for each of its kernels.
    pub fn expected(&self) -> Result<Expected> {
        let parts = self.cases.split_once('/');
        let (suite, case) =
            parts.with_context(|| format!("skip {}: SUITE/CASE is wanted", self.cases))?;
        Ok(Expected {
            suite: WildMatch::new(suite),
            case: WildMatch::new(case),
            why: self.why.clone(),
        })
    }
}

/// A rule that allows cases to be skipped for a reason.
#[derive(Clone, Debug)]
pub struct Expected {
    suite: WildMatch,
    case: WildMatch,
    why: String,
}

impl Expected {
    /// Whether the rule concerns any case of that suite.
    pub fn is_of(&self, suite: &str) -> bool {
        self.suite.matches(suite)
    }

    /// Whether the rule allows that case of its suite to be skipped for that reason.
    pub fn is(&self, case: &str, why: &str) -> bool {
        self.case.matches(case) && why.contains(&self.why)
    }
}
