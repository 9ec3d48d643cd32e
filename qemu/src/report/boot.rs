// SPDX-License-Identifier: GPL-2.0

//! Turns a judged boot into a group of checks: the guest's cases, and the other reasons that failed
//! the boot.

use crate::boot::Booted;
use crate::judge::ktap;
use crate::suites::Suite;
use crate::tally::{Outcome, Row, RowState};

/// How many of the console's last lines a failed boot shows.
const TAIL: usize = 20;

/// The outcome of a judged boot.
pub fn outcome(booted: &Booted, suite: &Suite) -> Outcome {
    let verdict = &booted.verdict;
    let console = Some(booted.console_path());
    let mut outcome = Outcome {
        note: format!("{:.0} s", booted.took.as_secs_f64()),
        seconds: Some(booted.took.as_secs_f64()),
        log: console.clone(),
        ..Outcome::default()
    };
    // The failed cases below show the reasons that come from cases.
    for reason in verdict.reasons.iter().filter(|reason| !reason.of_case) {
        outcome.details.push_str(&format!("{reason}\n"));
        let name = format!("boot: {}", reason.kind);
        outcome.push(Row::new(name, RowState::Failed, reason.to_string()));
    }
    let durations = verdict.stream.durations(booted.stamps.ends());
    for (case, duration) in verdict.stream.cases.iter().zip(durations) {
        let notes = case.notes.join("\n");
        let (state, text) = match &case.outcome {
            ktap::Outcome::Passed => (RowState::Passed, notes),
            ktap::Outcome::Failed => (RowState::Failed, notes),
            ktap::Outcome::Skipped(why) if suite.may_skip(&case.name, why) => {
                (RowState::Skipped, why.clone())
            }
            ktap::Outcome::Skipped(why) => (
                RowState::Failed,
                format!("skipped, and no [[skip]] expects that here: {why}"),
            ),
        };
        let name = &case.name;
        outcome.details.push_str(&match state {
            RowState::Passed => String::new(),
            RowState::Failed => format!("not ok {name}\n{}", indented(&text)),
            RowState::Skipped => format!("skipped {name}: {text}\n"),
        });
        outcome.push(Row {
            seconds: duration.map(|duration| duration.as_secs_f64()),
            log: console.clone(),
            ..Row::new(name, state, text)
        });
    }
    if !verdict.passed() {
        let tail = booted.console_tail(TAIL);
        let console = booted.console_path();
        outcome.details.push_str(&format!(
            "the console's last lines:\n{tail}console log: {}\n\
             to boot it again: {}\n",
            console.display(),
            booted.again().display()
        ));
    }
    outcome
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
