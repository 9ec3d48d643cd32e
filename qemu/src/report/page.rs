// SPDX-License-Identifier: GPL-2.0

//! Writes the report as a single HTML file, which needs no network.

use anyhow::Result;
use askama::Template;

use super::{started, Group, Outcome, Report};
use crate::tally::{Row, RowState};

#[derive(Template)]
#[template(path = "page.html")]
struct ReportPage<'a> {
    report: &'a Report,
}

/// Writes the report as HTML.
pub fn render(report: &Report) -> Result<String> {
    Ok(ReportPage { report }.render()?)
}

impl ReportPage<'_> {
    /// The time at which the run began, in UTC.
    fn started(&self) -> String {
        let moment = started(self.report);
        moment.format("%Y-%m-%d %H:%M UTC").to_string()
    }

    fn took(&self) -> String {
        self.seconds(&Some(self.report.seconds))
    }

    fn outcome_class(&self) -> &'static str {
        match self.report.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail | Outcome::CouldNotRun => "fail",
        }
    }

    fn class_of(&self, group: &Group) -> &'static str {
        self.class(&group.tally.state())
    }

    fn seconds(&self, seconds: &Option<f64>) -> String {
        seconds.map_or(String::new(), |seconds| format!("{seconds:.1} s"))
    }

    fn kernel<'g>(&self, group: &'g Group) -> &'g str {
        group.kernel.as_deref().unwrap_or("host")
    }

    fn name<'g>(&self, group: &'g Group, row: &'g Row) -> &'g str {
        if row.name.is_empty() {
            return &group.name;
        }
        &row.name
    }

    /// The link to a check's log, or else to its group's log. It percent-encodes special
    /// characters, as the guest chose some of the names in the path.
    fn link(&self, group: &Group, row: &Row) -> Option<String> {
        let log = row.log.as_ref().or(group.log.as_ref())?;
        let mut link = String::new();
        for byte in log.to_string_lossy().bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                    link.push(byte.into());
                }
                _ => link.push_str(&format!("%{byte:02X}")),
            }
        }
        Some(link)
    }

    fn failures(&self) -> Vec<(&Group, &Row)> {
        let groups = self.report.groups.iter();
        let rows = groups.flat_map(|group| group.rows.iter().map(move |row| (group, row)));
        rows.filter(|(_, row)| row.state == RowState::Failed)
            .collect()
    }

    fn class(&self, state: &RowState) -> &'static str {
        match state {
            RowState::Passed => "pass",
            RowState::Failed => "fail",
            RowState::Skipped => "skip",
        }
    }
}
