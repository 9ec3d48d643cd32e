// SPDX-License-Identifier: GPL-2.0

//! Writes the report as KTAP version 1 (Documentation/dev-tools/ktap.rst of the kernel), with a
//! subtest for each group.

use super::{full_name, Group, Report};
use crate::tally::{Row, RowState};

/// Writes the report as KTAP.
pub fn render(report: &Report) -> String {
    let mut out = format!("KTAP version 1\n1..{}\n", report.groups.len());
    for (number, group) in (1..).zip(&report.groups) {
        out += &of_group(number, group);
    }
    if let Some(error) = &report.error {
        out += &format!("Bail out! {}\n", one_line(error));
    }
    out += &format!("# {}\n", report.tally);
    out
}

fn of_group(number: u32, group: &Group) -> String {
    let name = full_name(group);
    // A result named like its subtest would look like the subtest's own result.
    if let [only @ Row { name: no_name, .. }] = &group.rows[..] {
        if no_name.is_empty() {
            return result(number, &name, only);
        }
    }
    let count = group.rows.len();
    let mut inner = format!(
        "KTAP version 1\n# Subtest: {}\n1..{count}\n",
        one_line(&name)
    );
    for (number, row) in (1..).zip(&group.rows) {
        let name = match row.name.as_str() {
            "" => "all else",
            name => name,
        };
        inner += &result(number, name, row);
    }
    let mut out: String = inner.lines().map(|line| format!("  {line}\n")).collect();
    out += &result(
        number,
        &name,
        &Row::new("", group.tally.state(), &*group.note),
    );
    out
}

/// The line with a check's result, and its notes.
fn result(number: u32, name: &str, row: &Row) -> String {
    let name = one_line(name);
    let notes = row.text.lines().map(|text| format!("# {}\n", plain(text)));
    match row.state {
        RowState::Passed => format!("ok {number} {name}\n") + &notes.collect::<String>(),
        RowState::Failed => format!("not ok {number} {name}\n") + &notes.collect::<String>(),
        RowState::Skipped => format!("ok {number} {name} # SKIP {}\n", one_line(&row.text)),
    }
}

/// Keeps one line without `#`: a `#` would begin a directive, and a newline the next result.
fn one_line(text: &str) -> String {
    plain(text.lines().next().unwrap_or_default()).replace('#', "_")
}

fn plain(text: &str) -> String {
    let harmless = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(harmless).collect()
}
