// SPDX-License-Identifier: GPL-2.0

//! The record in `selftests/costs.toml`: the instruction counts of the main reads that `make test`
//! expects.
//!
//! On the record's kernel and compiler, counts repeat to a fraction of a percent, so a change of
//! 3 % comes from our code. Another kernel or compiler changes the counts by itself. There the
//! judge compares the ratio of each count to its floor, with more tolerance: the guest measures the
//! floor in the same boot, and the floor changes with the kernel.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::cell::grouped;
use super::measured::Measured;
use modproof::cache::write_atomically;
use modproof::project::read_toml;
use modproof::provision::Ready;
use modproof::tally::{Outcome, Row, RowState};

const FILE: &str = "selftests/costs.toml";
const ABOUT: &str = "# SPDX-License-Identifier: GPL-2.0\n\
    # Instruction counts that `make test` expects; `make bench ACCEPT=1` writes them.\n\n";
/// The command that writes a new record.
pub const REMEDY: &str = "make bench ACCEPT=1";

/// The most that a count may differ from the record, up or down, in percent.
const TOLERANCE: f64 = 3.0;
/// The most that the ratio to the floor may rise on another kernel or compiler, in percent.
const TOLERANCE_OTHER_KERNEL: f64 = 15.0;

/// The record.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The `uname -r` of the record's kernel.
    pub kernel: String,
    /// The version text of the rustc that built the module.
    pub rustc: String,
    /// Instruction counts by the guest's names for them.
    pub counts: BTreeMap<String, u64>,
}

impl Record {
    /// Makes a record of the medians.
    pub fn new(ready: &Ready, measured: &Measured) -> Self {
        let counts = measured.medians();
        Self {
            kernel: ready.choice.abi.clone(),
            rustc: ready.compilers.rustc_text.clone(),
            counts: counts
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
        }
    }

    /// Reads the record from `selftests/costs.toml`.
    pub fn load(repo: &Path) -> Result<Self> {
        read_toml(&path(repo))
    }

    /// Writes the record to `selftests/costs.toml`.
    pub fn write(&self, repo: &Path) -> Result<()> {
        write_atomically(&path(repo), &format!("{ABOUT}{}", toml::to_string(self)?))
            .context("the record")
    }

    /// Compares the measured counts with the record. A missing or unrecorded count fails.
    pub fn judge(&self, kernel: &str, rustc: &str, measured: &Measured) -> Outcome {
        let same = self.kernel == kernel && self.rustc == rustc;
        let mut outcome = Outcome::default();
        for (name, recorded) in &self.counts {
            let Some(file) = file_of(name) else {
                continue;
            };
            let seen = measured.get(name).map(|figure| figure.median);
            let floor = format!("floor.{file}");
            let (state, text) = match seen {
                None => (RowState::Failed, "it was not measured".to_owned()),
                Some(seen) if same => compare(seen, *recorded),
                Some(seen) => {
                    let now = measured.get(&floor).map(|figure| figure.median);
                    self.compare_elsewhere(seen, now, *recorded, self.counts.get(&floor))
                }
            };
            if state == RowState::Failed {
                let line = format!("the cost of reading {file}: {text}\n");
                outcome.details.push_str(&line);
            }
            outcome.push(Row::new(format!("cost of {file}"), state, text));
        }
        for (name, seen) in measured.medians() {
            if file_of(name).is_some() && !self.counts.contains_key(name) {
                let text = format!("{} instructions, never recorded: {REMEDY}", grouped(seen));
                outcome.details.push_str(&format!("{name}: {text}\n"));
                outcome.push(Row::new(name, RowState::Failed, text));
            }
        }
        outcome
    }

    fn compare_elsewhere(
        &self,
        seen: u64,
        floor: Option<u64>,
        recorded: u64,
        recorded_floor: Option<&u64>,
    ) -> (RowState, String) {
        let (Some(floor), Some(recorded_floor)) = (floor, recorded_floor) else {
            return (RowState::Failed, "its floor was not measured".to_owned());
        };
        let now = seen as f64 / floor as f64;
        let then = recorded as f64 / *recorded_floor as f64;
        let more = 100.0 * (now / then - 1.0);
        let text = format!(
            "{} instructions, {now:.2} of the floor; recorded was {then:.2}, on {} with {}",
            grouped(seen),
            self.kernel,
            self.rustc
        );
        if more <= TOLERANCE_OTHER_KERNEL {
            (RowState::Passed, text)
        } else {
            let text = format!("{text}: {more:.0} % more; if that is meant: {REMEDY}");
            (RowState::Failed, text)
        }
    }
}

fn compare(seen: u64, recorded: u64) -> (RowState, String) {
    let change = 100.0 * (seen as f64 / recorded as f64 - 1.0);
    let text = format!(
        "{} instructions, recorded {} ({change:+.2} %)",
        grouped(seen),
        grouped(recorded)
    );
    if change.abs() <= TOLERANCE {
        (RowState::Passed, text)
    } else {
        let text = format!("{text}; if that is meant: {REMEDY}");
        (RowState::Failed, text)
    }
}

/// The debugfs file that a count is for; `None` for counts that are not judged.
fn file_of(name: &str) -> Option<&str> {
    name.strip_prefix("read.")?.strip_suffix(".steady")
}

fn path(repo: &Path) -> PathBuf {
    repo.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let counts = [
            ("read.heaps.steady", 100_000),
            ("floor.heaps", 50_000),
            ("program.files", 200_000),
        ];
        Record {
            kernel: "7.2".to_owned(),
            rustc: "1.85".to_owned(),
            counts: counts.map(|(n, c)| (n.to_owned(), c)).into(),
        }
    }

    fn measured(heaps: u64, floor: u64) -> Measured {
        let mut measured = Measured::default();
        measured.add("read.heaps.steady", heaps);
        measured.add("floor.heaps", floor);
        measured.add("program.files", 1);
        measured
    }

    fn judged(kernel: &str, rustc: &str, measured: &Measured) -> String {
        let outcome = record().judge(kernel, rustc, measured);
        let state = outcome.tally.to_string();
        assert_eq!(outcome.details.is_empty(), outcome.tally.failed == 0);
        state
    }

    #[test]
    fn on_the_same_kernel_a_count_is_what_was_recorded() {
        for (heaps, expected) in [
            (100_000, "1 passed, 0 failed"),
            (102_999, "1 passed, 0 failed"),
            (97_001, "1 passed, 0 failed"),
            (103_001, "0 passed, 1 failed"),
            // A lower count fails, too: record it.
            (96_999, "0 passed, 1 failed"),
        ] {
            // The floor is not compared here.
            let measured = measured(heaps, 90_000);
            assert_eq!(judged("7.2", "1.85", &measured), expected, "{heaps}");
        }
    }

    #[test]
    fn on_another_kernel_or_compiler_it_is_the_share_of_the_floor() {
        for (heaps, floor, expected) in [
            (200_000, 100_000, "1 passed, 0 failed"),
            (50_000, 50_000, "1 passed, 0 failed"),
            (229_000, 100_000, "1 passed, 0 failed"),
            (231_000, 100_000, "0 passed, 1 failed"),
        ] {
            let measured = measured(heaps, floor);
            assert_eq!(judged("7.3", "1.85", &measured), expected, "{heaps}");
            assert_eq!(judged("7.2", "1.95", &measured), expected, "{heaps}");
        }
    }

    #[test]
    fn what_is_missing_or_new_fails() {
        let nothing = Measured::default();
        assert_eq!(judged("7.2", "1.85", &nothing), "0 passed, 1 failed");
        assert_eq!(judged("7.3", "1.85", &nothing), "0 passed, 1 failed");
        let mut more = measured(100_000, 50_000);
        more.add("read.requests.steady", 1);
        assert_eq!(judged("7.2", "1.85", &more), "1 passed, 1 failed");
    }
}
