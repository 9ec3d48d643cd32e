// SPDX-License-Identifier: GPL-2.0

//! Counts results, and prints the groups of checks.

use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// How many checks passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Checks that passed.
    pub passed: usize,
    /// Checks that failed.
    pub failed: usize,
    /// Checks that were skipped.
    pub skipped: usize,
}

impl Tally {
    /// The count of a single check.
    pub fn one(state: RowState) -> Self {
        let mut tally = Self::default();
        *match state {
            RowState::Passed => &mut tally.passed,
            RowState::Failed => &mut tally.failed,
            RowState::Skipped => &mut tally.skipped,
        } = 1;
        tally
    }

    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// The combined result: a failure if any check failed, a skip if none passed.
    pub fn state(&self) -> RowState {
        match self {
            Self { failed: 1.., .. } => RowState::Failed,
            Self { passed: 0, .. } => RowState::Skipped,
            _ => RowState::Passed,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// The result of a check.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// The check passed.
    Passed,
    /// The check failed.
    Failed,
    /// The check could not run.
    Skipped,
}

impl fmt::Display for RowState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        })
    }
}

/// A check, as reports show it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The name of the check. Empty if the group has no other check.
    pub name: String,
    /// The result of the check.
    pub state: RowState,
    /// How many seconds the check took, if known.
    pub seconds: Option<f64>,
    /// Notes on the check.
    pub text: String,
    /// The log with more details.
    pub log: Option<PathBuf>,
}

impl Row {
    /// A check without a duration and a log.
    pub fn new(name: impl Into<String>, state: RowState, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state,
            seconds: None,
            text: text.into(),
            log: None,
        }
    }
}

/// The outcome of a group of checks.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The counts.
    pub tally: Tally,
    /// Figures for the group's line.
    pub note: String,
    /// The failed and skipped checks, with the reasons.
    pub details: String,
    /// The checks themselves.
    pub rows: Vec<Row>,
    /// How many seconds the group took, if known.
    pub seconds: Option<f64>,
    /// The log with more details.
    pub log: Option<PathBuf>,
}

impl Outcome {
    /// Runs the work, and records how long it took.
    pub fn timed(work: impl FnOnce() -> anyhow::Result<Self>) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut outcome = work()?;
        outcome.seconds = Some(started.elapsed().as_secs_f64());
        Ok(outcome)
    }

    /// The outcome of a single check.
    pub fn of(result: anyhow::Result<String>) -> Self {
        match result {
            Ok(note) => Self {
                rows: vec![Row::new("", RowState::Passed, &*note)],
                tally: Tally::one(RowState::Passed),
                note,
                ..Self::default()
            },
            Err(error) => {
                let details = format!("{error:#}");
                Self {
                    rows: vec![Row::new("", RowState::Failed, &*details)],
                    tally: Tally::one(RowState::Failed),
                    details,
                    ..Self::default()
                }
            }
        }
    }

    /// The outcome of a single check that could not run.
    pub fn skipped(why: impl Into<String>) -> Self {
        let note = why.into();
        Self {
            rows: vec![Row::new("", RowState::Skipped, &*note)],
            tally: Tally::one(RowState::Skipped),
            note,
            ..Self::default()
        }
    }

    /// Sets the name of the only check.
    pub fn named(mut self, name: &str) -> Self {
        if let [row] = &mut self.rows[..] {
            name.clone_into(&mut row.name);
        }
        self
    }

    /// Adds a check.
    pub fn push(&mut self, row: Row) {
        self.tally.add(Tally::one(row.state));
        self.rows.push(row);
    }

    /// Adds all checks of another outcome, but not its note and its duration.
    pub fn add(&mut self, other: Self) {
        self.tally.add(other.tally);
        self.details.push_str(&other.details);
        self.rows.extend(other.rows);
        self.log = self.log.take().or(other.log);
    }

    /// Prints the group's line, and the details of failures.
    pub fn print(&self, group: &str) {
        let word = match self.tally.state() {
            RowState::Failed => "FAIL",
            RowState::Skipped => "skip",
            RowState::Passed => "ok",
        };
        let note = match self.note.as_str() {
            "" => String::new(),
            note => format!(" ({note})"),
        };
        println!("{word:<5}{group:<42} {}{note}", self.tally);
        for line in self.details.lines() {
            println!("       {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_ones_are_named_only_where_there_are_any() {
        let mut tally = Tally::one(RowState::Passed);
        assert_eq!(tally.to_string(), "1 passed, 0 failed");
        tally.add(Tally::one(RowState::Skipped));
        tally.add(Tally::one(RowState::Failed));
        assert_eq!(tally.to_string(), "1 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn one_failure_fails_and_nothing_passed_is_no_pass() {
        let mut tally = Tally::default();
        assert_eq!(tally.state(), RowState::Skipped);
        tally.add(Tally::one(RowState::Passed));
        assert_eq!(tally.state(), RowState::Passed);
        tally.add(Tally::one(RowState::Failed));
        assert_eq!(tally.state(), RowState::Failed);
    }

    #[test]
    fn what_is_added_is_counted() {
        let mut outcome = Outcome::of(Ok("note".to_owned())).named("one");
        outcome.add(Outcome::of(Err(anyhow::anyhow!("why"))).named("two"));
        outcome.push(Row::new("three", RowState::Skipped, ""));
        assert_eq!(outcome.tally.to_string(), "1 passed, 1 failed, 1 skipped");
        let names: Vec<_> = outcome.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["one", "two", "three"]);
        assert_eq!(outcome.details, "why");
    }
}
