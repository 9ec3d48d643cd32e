// SPDX-License-Identifier: GPL-2.0

//! Which cases a kernel may skip. Any other that is skipped has failed.

use anyhow::{Context, Result};
use serde::Deserialize;
use wildmatch::WildMatch;

/// `[[skip]]`, as it stands in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The kernels' names.
    pub kernels: Vec<String>,
    /// `SUITE/CASE`, with `*` for anything.
    pub cases: String,
    /// Words that the guest's reason for the skip must contain.
    why: String,
}

impl Entry {
    /// What it means for each of its kernels.
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

/// Cases that may be skipped for a reason.
#[derive(Clone, Debug)]
pub struct Expected {
    suite: WildMatch,
    case: WildMatch,
    why: String,
}

impl Expected {
    /// Whether it is about any case of that suite.
    pub fn is_of(&self, suite: &str) -> bool {
        self.suite.matches(suite)
    }

    /// Whether that case of its suite may be skipped for that reason.
    pub fn is(&self, case: &str, why: &str) -> bool {
        self.case.matches(case) && why.contains(&self.why)
    }
}
