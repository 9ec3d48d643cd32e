// SPDX-License-Identifier: GPL-2.0

//! What a run came to, for people and for other programs: one page of HTML,
//! JUnit XML, JSON and KTAP, each with a link to the logs beside it.

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

/// The form of `report.json`: it rises when a key is renamed or goes away.
const VERSION: u32 = 1;

const JSON: &str = "report.json";
const JUNIT: &str = "junit.xml";
const PAGE: &str = "report.html";
const KTAP: &str = "report.ktap";

/// A run of checks. This is `report.json`, too: paths are relative to it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The form of this record.
    pub version: u32,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it could not run to its end, if it did not.
    pub error: Option<String>,
    /// When it began, in seconds since 1970.
    pub started_unix: u64,
    /// How long it took.
    pub seconds: f64,
    /// What was picked, if not everything.
    pub filter: Option<String>,
    /// The counts.
    pub tally: Tally,
    /// The groups of checks, in the order in which they ended.
    pub groups: Vec<Group>,
}

/// A group of checks: those of the host, or a boot of a kernel.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The kernel, for what concerns one.
    pub kernel: Option<String>,
    /// Its name.
    pub name: String,
    /// The counts.
    pub tally: Tally,
    /// How long it took, where that is known.
    pub seconds: Option<f64>,
    /// Figures worth a word.
    pub note: String,
    /// Where more is told.
    pub log: Option<PathBuf>,
    /// The checks.
    pub rows: Vec<Row>,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing failed, and something passed.
    Pass,
    /// Something failed.
    Fail,
    /// The checks could not be run, or not to the end.
    CouldNotRun,
}

impl Outcome {
    /// The exit status that tells it.
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
    /// Writes it, in all forms, beside the logs that it names.
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
            // Who looks at the folder finds the old one or the new one whole.
            let partial = folder.join(format!(".{name}.{}", std::process::id()));
            std::fs::write(&partial, text)
                .and_then(|()| std::fs::rename(&partial, &path))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// The same as the kernel's own tests print it.
    pub fn ktap(&self) -> String {
        ktap::render(self)
    }

    /// Copies it, and every log that it names, from where it was written.
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

    /// Whether it can be copied there: not onto itself, where every log would be empty.
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

/// The name of a group, with its kernel's.
fn full_name(group: &Group) -> String {
    match &group.kernel {
        Some(kernel) => format!("{kernel}:{}", group.name),
        None => group.name.clone(),
    }
}

/// When a run began.
fn started(report: &Report) -> DateTime<Utc> {
    let seconds = i64::try_from(report.started_unix).unwrap_or_default();
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}
