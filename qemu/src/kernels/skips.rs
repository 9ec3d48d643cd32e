// SPDX-License-Identifier: GPL-2.0

//! Which cases a kernel may skip. Any other that is skipped has failed.

use anyhow::{Context, Result};
use regex::Regex;
use serde::Deserialize;

use super::Kernel;
use crate::filter::glob;

/// As it stands in `kernels.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    kernels: Vec<String>,
    /// `SUITE/CASE`, with `*` for anything.
    cases: String,
    /// Words that the guest's reason for the skip must contain.
    why: String,
}

/// Cases that may be skipped for a reason.
#[derive(Clone, Debug)]
pub struct Expected {
    suite: Regex,
    case: Regex,
    why: String,
}

impl Expected {
    /// Whether it is about any case of that suite.
    pub fn is_of(&self, suite: &str) -> bool {
        self.suite.is_match(suite)
    }

    /// Whether that case of its suite may be skipped for that reason.
    pub fn is(&self, case: &str, why: &str) -> bool {
        self.case.is_match(case) && why.contains(&self.why)
    }
}

/// Tells each kernel of its own.
pub(super) fn tell(entries: &[Entry], kernels: &mut [Kernel]) -> Result<()> {
    for entry in entries {
        let (suite, case) = entry
            .cases
            .split_once('/')
            .with_context(|| format!("skip {}: SUITE/CASE is wanted", entry.cases))?;
        let expected = Expected {
            suite: glob(suite)?,
            case: glob(case)?,
            why: entry.why.clone(),
        };
        for name in &entry.kernels {
            let kernel = kernels.iter_mut().find(|kernel| kernel.name == *name);
            kernel
                .with_context(|| format!("skip {}: there is no kernel {name}", entry.cases))?
                .skips
                .push(expected.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Suites;
    use crate::kernels::Kernels;

    #[test]
    fn what_is_not_named_is_not_expected() {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let kernels = Kernels::load(&repo).expect("kernels");
        let suites = Suites::load(&repo).expect("suites");
        let expects = |kernel: &str, suite: &str, case: &str, why: &str| {
            let kernel = kernels.find(Some(kernel)).expect("a kernel");
            suites
                .find(suite)
                .expect("a suite")
                .on(kernel)
                .may_skip(case, why)
        };
        let case = "every-allocation-of-a-read-fails";
        let why = "the kernel has no fault injection (FAULT_INJECTION)";
        assert!(expects("trixie-backports", "torture", case, why));
        assert!(!expects(
            "trixie-backports",
            "torture",
            case,
            "no such file"
        ));
        assert!(!expects("trixie-backports", "tree", case, why));
        assert!(!expects("sanitizer", "torture", case, why));
    }
}
