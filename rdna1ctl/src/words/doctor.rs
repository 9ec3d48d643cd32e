// SPDX-License-Identifier: GPL-2.0

//! Prints `doctor`: the findings, troubles first.

use crate::findings::{Finding, State};

use super::paper::{bold, green, red, yellow, TextWriter};
use super::safe;

/// Writes the findings.
pub fn doctor(paper: &mut TextWriter, findings: &[Finding]) {
    let of = |state: State| findings.iter().filter(move |one| one.state == state);
    for state in [State::Trouble, State::Note, State::Unseen] {
        for finding in of(state) {
            one(paper, finding);
            paper.gap();
        }
    }
    if of(State::Good).next().is_some() {
        paper.line(&bold("All is well with:"));
        for finding in of(State::Good) {
            let first = format!("  {}  ", green("ok"));
            paper.paragraph(&first, &safe(&finding.says));
        }
        paper.gap();
    }
    let count = |state: State| of(state).count();
    paper.line(&format!(
        "{} {}, {} {}, {} not seen, {} good",
        count(State::Trouble),
        plural(count(State::Trouble), "trouble", "troubles"),
        count(State::Note),
        plural(count(State::Note), "note", "notes"),
        count(State::Unseen),
        count(State::Good),
    ));
}

fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 {
        one
    } else {
        many
    }
}

/// Writes one finding with its evidence and advice.
pub fn one(paper: &mut TextWriter, finding: &Finding) {
    let mark = match finding.state {
        State::Trouble => red("TROUBLE"),
        State::Note => yellow("note"),
        State::Unseen => yellow("not seen"),
        State::Good => green("ok"),
    };
    paper.paragraph(
        &format!("{mark} "),
        &format!("{} [{}]", safe(&finding.says), finding.id),
    );
    for evidence in &finding.evidence {
        paper.named(&safe(&evidence.from), &safe(&evidence.what));
    }
    for step in &finding.advice {
        paper.paragraph("  -> ", &safe(step));
    }
}
