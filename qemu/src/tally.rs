// SPDX-License-Identifier: GPL-2.0

//! Counting, and what is printed of it.

use std::fmt;

/// How many passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Held.
    pub passed: usize,
    /// Did not hold.
    pub failed: usize,
    /// Could not be tried.
    pub skipped: usize,
}

impl Tally {
    /// One check that held.
    pub const PASS: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    /// One check that did not.
    pub const FAIL: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    /// One check that could not be tried.
    pub const SKIP: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };

    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
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

/// What a group of checks came to.
#[derive(Debug)]
pub struct Outcome {
    /// The counts.
    pub tally: Tally,
    /// Figures worth a word.
    pub note: String,
    /// What failed or was skipped, and why.
    pub details: String,
}

impl Outcome {
    /// A single check.
    pub fn of(result: anyhow::Result<String>) -> Self {
        match result {
            Ok(note) => Self {
                tally: Tally::PASS,
                note,
                details: String::new(),
            },
            Err(error) => Self {
                tally: Tally::FAIL,
                note: String::new(),
                details: format!("{error:#}"),
            },
        }
    }

    /// A single check that cannot be tried.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self {
            tally: Tally::SKIP,
            note: why.into(),
            details: String::new(),
        }
    }

    /// Prints the group's line, and what is to be said of failures.
    pub fn print(&self, group: &str) {
        let word = match self.tally {
            Tally { failed: 1.., .. } => "FAIL",
            Tally { passed: 0, .. } => "skip",
            _ => "ok",
        };
        let note = match self.note.as_str() {
            "" => String::new(),
            note => format!(" ({note})"),
        };
        println!("{word:<5}{group:<30}{}{note}", self.tally);
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
        let mut tally = Tally::PASS;
        assert_eq!(tally.to_string(), "1 passed, 0 failed");
        tally.add(Tally::SKIP);
        tally.add(Tally::FAIL);
        assert_eq!(tally.to_string(), "1 passed, 1 failed, 1 skipped");
    }
}
