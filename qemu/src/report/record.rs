// SPDX-License-Identifier: GPL-2.0

//! Collects the contents of a report while the checks run.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::{Group, Outcome, Report, VERSION};
use crate::tally::{self, Row, RowState, Tally};

/// The folder for copies of logs that are not below the report's folder.
const OTHER_LOGS: &str = "logs";

/// Collects groups of checks as they end.
#[derive(Debug)]
pub struct Recorder {
    /// The folder for the report, which also has most logs.
    folder: PathBuf,
    filter: Option<String>,
    began: (SystemTime, Instant),
    tally: Tally,
    groups: Vec<Group>,
}

impl Recorder {
    /// Begins a run with its logs in that folder.
    pub fn begin(folder: PathBuf, filter: Option<&str>) -> Self {
        Self {
            folder,
            filter: filter.map(str::to_owned),
            began: (SystemTime::now(), Instant::now()),
            tally: Tally::default(),
            groups: Vec::new(),
        }
    }

    /// Adds a group, named NAME or `KERNEL:NAME`.
    pub fn add(&mut self, name: &str, outcome: &tally::Outcome) {
        let (kernel, name) = match name.split_once(':') {
            Some((kernel, name)) => (Some(kernel.to_owned()), name),
            None => (None, name),
        };
        let mut rows = outcome.rows.clone();
        for row in &mut rows {
            row.log = row.log.as_deref().and_then(|log| self.beside(log));
        }
        rows.extend(unnamed(outcome));
        self.tally.add(outcome.tally);
        self.groups.push(Group {
            kernel,
            name: name.to_owned(),
            tally: outcome.tally,
            seconds: outcome.seconds.map(rounded),
            note: outcome.note.clone(),
            log: outcome.log.as_deref().and_then(|log| self.beside(log)),
            rows: rows
                .into_iter()
                .map(|row| Row {
                    seconds: row.seconds.map(rounded),
                    ..row
                })
                .collect(),
        });
    }

    /// The counts so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The report of a run with this result.
    pub fn end(self, result: &Result<()>) -> Report {
        let outcome = match (result, self.tally.state()) {
            (Err(_), _) | (Ok(()), RowState::Skipped) => Outcome::CouldNotRun,
            (Ok(()), RowState::Failed) => Outcome::Fail,
            (Ok(()), RowState::Passed) => Outcome::Pass,
        };
        let error = match result {
            Err(error) => Some(format!("{error:#}")),
            Ok(()) if outcome == Outcome::CouldNotRun => {
                Some("all that was picked was skipped".to_owned())
            }
            Ok(()) => None,
        };
        let (started, clock) = self.began;
        let since_1970 = started.duration_since(UNIX_EPOCH);
        Report {
            version: VERSION,
            outcome,
            error,
            started_unix: since_1970.map_or(0, |time| time.as_secs()),
            seconds: rounded(clock.elapsed().as_secs_f64()),
            filter: self.filter,
            tally: self.tally,
            groups: self.groups,
        }
    }

    /// The path of a log, relative to the report. Copies a log from outside of the report's folder.
    fn beside(&self, log: &Path) -> Option<PathBuf> {
        if let Ok(path) = log.strip_prefix(&self.folder) {
            return log.is_file().then(|| path.to_owned());
        }
        let copy = Path::new(OTHER_LOGS).join(log.file_name()?);
        let target = self.folder.join(&copy);
        std::fs::create_dir_all(target.parent()?).ok()?;
        // A missing log must not prevent the report.
        std::fs::copy(log, target).ok()?;
        Some(copy)
    }
}

/// Rows for checks that the counts include but that have no row.
fn unnamed(outcome: &tally::Outcome) -> Vec<Row> {
    let mut named = Tally::default();
    for row in &outcome.rows {
        named.add(Tally::one(row.state));
    }
    let counted = outcome.tally;
    let missing = [
        (RowState::Passed, counted.passed, named.passed),
        (RowState::Failed, counted.failed, named.failed),
        (RowState::Skipped, counted.skipped, named.skipped),
    ];
    let rows = missing.into_iter().flat_map(|(state, counted, named)| {
        let row = Row::new("(not named)", state, &*outcome.details);
        std::iter::repeat_n(row, counted.saturating_sub(named))
    });
    rows.collect()
}

/// Rounds to milliseconds.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
