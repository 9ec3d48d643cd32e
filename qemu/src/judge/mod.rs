// SPDX-License-Identifier: GPL-2.0

//! Judging a boot by what it left: a pure function, so that it can itself be
//! tested against logs of boots that went wrong in known ways.

mod console;
#[cfg(test)]
mod golden;
pub mod ktap;

use std::fmt;

use serde::Deserialize;

use crate::qemu::Ending;
use ktap::Stream;

/// What can be wrong with a boot.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    // Causes first, consequences last: the first of a boot is its headline.
    /// An assertion of the kernel failed.
    Bug,
    /// The kernel touched what it may not.
    Oops,
    /// KASAN, UBSAN and their like.
    Sanitizer,
    /// Locks in a dangerous order.
    Lockdep,
    /// An object counted wrongly.
    Refcount,
    /// A CPU that does not schedule.
    RcuStall,
    /// A CPU kept from other work.
    Lockup,
    /// A task that waits for ever.
    HungTask,
    /// Memory lost.
    Leak,
    /// A process of the guest killed.
    Killed,
    /// A failed check of the kernel.
    Warning,
    /// The kernel gave up.
    Panic,
    /// The guest did not end.
    Hang,
    /// A taint bit that is not expected.
    Taint,
    /// Cases that failed.
    TestFailures,
    /// The guest itself says `fail`.
    GuestSaysFail,
    /// More than one verdict, or something after it.
    VerdictTwice,
    /// Counts that contradict one another.
    Miscount,
    /// No verdict, and the stream ends in the middle.
    CutOff,
    /// No verdict.
    VerdictMissing,
    /// QEMU failed.
    Qemu,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Oops => "oops",
            Self::Bug => "kernel BUG",
            Self::Sanitizer => "sanitizer report",
            Self::Lockdep => "lockdep report",
            Self::Refcount => "refcount error",
            Self::RcuStall => "RCU stall",
            Self::Lockup => "lockup",
            Self::HungTask => "hung task",
            Self::Leak => "memory leak",
            Self::Killed => "process killed",
            Self::Warning => "kernel warning",
            Self::Panic => "panic",
            Self::Hang => "hang",
            Self::Taint => "unexpected taint",
            Self::TestFailures => "test failures",
            Self::GuestSaysFail => "the guest says fail",
            Self::VerdictTwice => "verdict not last and once",
            Self::Miscount => "wrong count",
            Self::CutOff => "cut off",
            Self::VerdictMissing => "verdict missing",
            Self::Qemu => "QEMU failed",
        })
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reason {
    /// What it is.
    pub kind: Kind,
    /// What shows it.
    pub text: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

/// What a boot left.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The kernel's console.
    pub console: &'a str,
    /// The guest's KTAP stream.
    pub ktap: &'a str,
    /// QEMU's own messages.
    pub qemu: &'a str,
    /// How the run ended.
    pub ending: Ending,
}

/// The judgement.
#[derive(Debug)]
pub struct Verdict {
    /// The guest's cases.
    pub stream: Stream,
    /// All that is wrong, the most telling first. Empty: the boot passed.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Judges a boot.
pub fn judge(evidence: &Evidence) -> Verdict {
    let stream = Stream::parse(evidence.ktap);
    let mut reasons = console::troubles(evidence.console);
    match evidence.ending {
        Ending::Exited(status) if status.success() => {}
        Ending::Exited(status) => {
            let said = evidence.qemu.lines().next().unwrap_or_default();
            add(&mut reasons, Kind::Qemu, format!("{status} {said}"));
        }
        hang => add(&mut reasons, Kind::Hang, hang.to_string()),
    }
    judge_stream(&stream, evidence.ktap, &mut reasons);
    reasons.sort_by_key(|r| r.kind);
    Verdict { stream, reasons }
}

fn judge_stream(stream: &Stream, text: &str, reasons: &mut Vec<Reason>) {
    let counts = stream.counts();
    let [_, failed, _] = counts;
    if failed > 0 {
        let names: Vec<_> = stream
            .cases
            .iter()
            .filter(|c| c.outcome == ktap::Outcome::Failed)
            .map(|c| c.name.as_str())
            .collect();
        add(
            reasons,
            Kind::TestFailures,
            format!("{failed} of {}: {}", stream.cases.len(), names.join(" ")),
        );
    }
    let ran = stream.cases.len();
    let planned = stream
        .plan
        .map_or_else(|| "an unknown number".to_owned(), |n| n.to_string());
    let Some(closing) = stream.closings.first() else {
        // After a crash or a hang there can be none.
        let explained = reasons
            .iter()
            .any(|r| matches!(r.kind, Kind::Panic | Kind::Hang | Kind::Qemu));
        let began = !text.is_empty();
        let complete = stream.plan == Some(ran);
        if began && (stream.cut_off || !complete) {
            let what = format!("the stream ends after {ran} of {planned} cases");
            add(reasons, Kind::CutOff, what);
        } else if !explained {
            let what = if began {
                "all cases ended, but the guest gave no verdict"
            } else {
                "the guest reported nothing"
            };
            add(reasons, Kind::VerdictMissing, what.to_owned());
        }
        return;
    };
    if stream.closings.len() > 1 {
        let what = format!("{} verdicts", stream.closings.len());
        add(reasons, Kind::VerdictTwice, what);
    } else if stream.after_closing || stream.cut_off {
        add(
            reasons,
            Kind::VerdictTwice,
            "something follows the verdict".to_owned(),
        );
    }
    if !closing.pass && failed == 0 {
        // The cause stands before the cases or after them: tell all of it.
        let before = stream.cases.first().map_or(&[][..], |case| &case.notes);
        let notes: Vec<_> = before.iter().chain(&stream.notes).collect();
        let mut text = "though no case failed".to_owned();
        if notes.is_empty() {
            text.push_str(", and it does not say why");
        }
        for note in notes {
            text.push_str(&format!("\n  {note}"));
        }
        add(reasons, Kind::GuestSaysFail, text);
    }
    if stream.plan != Some(ran) {
        let what = format!("{planned} cases planned, {ran} came");
        add(reasons, Kind::Miscount, what);
    } else if !stream.misnumbered.is_empty() {
        add(
            reasons,
            Kind::Miscount,
            format!("out of order: {}", stream.misnumbered[0]),
        );
    } else if closing.counts != Some(counts) {
        let what = format!(
            "the guest counts {:?}, the stream has {counts:?} (passed, failed, skipped)",
            closing.counts
        );
        add(reasons, Kind::Miscount, what);
    } else if closing.pass && counts[0] == 0 {
        add(reasons, Kind::Miscount, "no case passed".to_owned());
    }
}

fn add(reasons: &mut Vec<Reason>, kind: Kind, text: String) {
    reasons.push(Reason {
        kind,
        text: text.trim().to_owned(),
    });
}
