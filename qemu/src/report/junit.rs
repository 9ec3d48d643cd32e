// SPDX-License-Identifier: GPL-2.0

//! Writes the report as JUnit XML, which CI systems display.

use std::time::Duration;

use anyhow::Result;
use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::{full_name, started, Group, Report};
use crate::tally::{Row, RowState};

/// Writes the report as JUnit XML.
pub fn render(report: &Report) -> Result<String> {
    let mut junit = quick_junit::Report::new("modproof");
    junit.set_timestamp(started(report));
    junit.set_time(Duration::from_secs_f64(report.seconds));
    junit.add_test_suites(report.groups.iter().map(suite));
    if let Some(error) = &report.error {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(first_line(error)).set_description(error);
        let mut suite = TestSuite::new("modproof");
        suite.add_test_case(TestCase::new("ran to its end", status));
        junit.add_test_suite(suite);
    }
    Ok(junit.to_string()?)
}

fn suite(group: &Group) -> TestSuite {
    let name = full_name(group);
    let mut suite = TestSuite::new(&*name);
    if let Some(seconds) = group.seconds {
        suite.set_time(Duration::from_secs_f64(seconds));
    }
    if let Some(kernel) = &group.kernel {
        suite.add_property(Property::new("kernel", kernel));
    }
    if let Some(log) = &group.log {
        suite.add_property(Property::new("log", log.to_string_lossy()));
    }
    suite.add_test_cases(group.rows.iter().map(|row| case(group, &name, row)));
    suite
}

fn case(group: &Group, suite: &str, row: &Row) -> TestCase {
    let mut status = match row.state {
        RowState::Passed => TestCaseStatus::success(),
        RowState::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        RowState::Skipped => TestCaseStatus::skipped(),
    };
    if row.state != RowState::Passed && !row.text.is_empty() {
        status.set_message(first_line(&row.text));
    }
    if row.state == RowState::Failed {
        status.set_description(&row.text);
    }
    let name = match row.name.as_str() {
        "" => &group.name,
        name => name,
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(suite);
    if let Some(seconds) = row.seconds {
        case.set_time(Duration::from_secs_f64(seconds));
    }
    if let Some(log) = &row.log {
        case.add_property(Property::new("log", log.to_string_lossy()));
    }
    case
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
