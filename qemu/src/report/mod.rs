// SPDX-License-Identifier: GPL-2.0

//! The report of a run, for people and for other programs: an HTML page, JUnit XML, JSON and KTAP,
//! each with links to the logs beside it.

pub mod boot;
mod junit;
mod ktap;
mod page;
mod record;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Context, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::tally::{Row, Tally};
pub use record::Recorder;

/// The version of the format of `report.json`. It rises when a key gets renamed or removed.
const VERSION: u32 = 1;

const JSON: &str = "report.json";
const JUNIT: &str = "junit.xml";
const PAGE: &str = "report.html";
const KTAP: &str = "report.ktap";

/// The report of a run, as in `report.json`. Paths are relative to that file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The version of the format.
    pub version: u32,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// The error that stopped the run early, if any.
    pub error: Option<String>,
    /// The time at which the run began, in seconds since 1970.
    pub started_unix: u64,
    /// How many seconds the run took.
    pub seconds: f64,
    /// The filter, if the user gave one.
    pub filter: Option<String>,
    /// The counts of all groups.
    pub tally: Tally,
    /// The groups of checks, in the order in which they ended.
    pub groups: Vec<Group>,
}

/// A group of checks: those of the host, or a boot of a kernel.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The kernel, if the group belongs to one.
    pub kernel: Option<String>,
    /// The name of the group.
    pub name: String,
    /// The counts of the group.
    pub tally: Tally,
    /// How many seconds the group took, if known.
    pub seconds: Option<f64>,
    /// Figures for the group's line.
    pub note: String,
    /// The log with more details.
    pub log: Option<PathBuf>,
    /// The checks.
    pub rows: Vec<Row>,
}

/// The outcome of a run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing failed, and something passed.
    Pass,
    /// Something failed.
    Fail,
    /// The checks could not run, or did not run to the end.
    CouldNotRun,
}

impl Outcome {
    /// The exit status for the outcome.
    pub fn status(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::CouldNotRun => 2,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.status())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "passed",
            Self::Fail => "FAILED",
            Self::CouldNotRun => "could not run",
        })
    }
}

impl Report {
    /// Writes the report in all formats to the folder of its logs.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self)? + "\n";
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for (name, text) in [
            (JSON, json),
            (JUNIT, junit::render(self)?),
            (KTAP, self.ktap()),
            (PAGE, page::render(self)?),
        ] {
            let path = folder.join(name);
            // Rename, so that a reader finds either the old file or the complete new one.
            let partial = folder.join(format!(".{name}.{}", std::process::id()));
            std::fs::write(&partial, text)
                .and_then(|()| std::fs::rename(&partial, &path))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// The report as KTAP.
    pub fn ktap(&self) -> String {
        ktap::render(self)
    }

    /// Copies the report and all its logs from the folder `from`.
    pub fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        Self::check_copy(from, to)?;
        self.write(to)?;
        for log in self.logs() {
            let (source, target) = (from.join(log), to.join(log));
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent)
                    .with_context(|| format!("cannot make the folder {}", parent.display()))?;
            }
            std::fs::copy(&source, &target).with_context(|| {
                format!("cannot copy {} to {}", source.display(), target.display())
            })?;
        }
        Ok(())
    }

    /// Fails if `to` is no good place for a copy. A copy onto itself would empty every log.
    pub fn check_copy(from: &Path, to: &Path) -> Result<()> {
        for folder in [from, to] {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        if from.canonicalize()? == to.canonicalize()? {
            bail!(
                "the report is in {} in any case: name another folder, or none",
                to.display()
            );
        }
        Ok(())
    }

    fn logs(&self) -> impl Iterator<Item = &Path> {
        self.groups.iter().flat_map(|group| {
            let of_rows = group.rows.iter().filter_map(|row| row.log.as_deref());
            group.log.as_deref().into_iter().chain(of_rows)
        })
    }
}

/// The name of a group, with that of its kernel.
fn full_name(group: &Group) -> String {
    match &group.kernel {
        Some(kernel) => format!("{kernel}:{}", group.name),
        None => group.name.clone(),
    }
}

/// The time at which a run began.
fn started(report: &Report) -> DateTime<Utc> {
    let seconds = i64::try_from(report.started_unix).unwrap_or_default();
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}
