// SPDX-License-Identifier: GPL-2.0

//! Judging a boot by what it left: a pure function, so that it can itself be
//! tested against logs of boots that went wrong in known ways.

mod console;
#[cfg(test)]
mod golden;
mod kind;
pub mod ktap;
#[cfg(test)]
mod mutation;
mod patterns;
#[cfg(test)]
mod property;
pub mod saved;
mod stream;
mod taint;

use std::fmt;

use crate::qemu::Ending;
pub use kind::Kind;
use ktap::Stream;
use patterns::Patterns;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reason {
    /// What it is.
    pub kind: Kind,
    /// What shows it.
    pub text: String,
    /// Whether a case told it, by failing.
    pub of_case: bool,
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
    /// The cases that were asked for, where they are known.
    pub asked: Option<&'a [String]>,
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

/// Judges a boot. Where the judge itself cannot work, the boot has failed.
pub fn judge(evidence: &Evidence) -> Verdict {
    judge_by(Patterns::built_in(), evidence)
}

fn judge_by(patterns: Result<&Patterns, &str>, evidence: &Evidence) -> Verdict {
    let stream = Stream::parse(evidence.ktap);
    let patterns = match patterns {
        Ok(patterns) => patterns,
        Err(why) => {
            let reasons = broken(why);
            return Verdict { stream, reasons };
        }
    };
    let mut reasons = console::troubles(patterns, evidence.console, |case| stream.passed(case));
    stream::notes(patterns, &stream, &mut reasons);
    let powered_off = console::powered_off(evidence.console);
    match evidence.ending {
        Ending::Exited(status) if !status.success() => {
            let said = evidence.qemu.lines().next().unwrap_or_default();
            add(&mut reasons, Kind::Qemu, format!("{status} {said}"));
        }
        Ending::Exited(_) => {
            // With panic=-1 a panic ends QEMU, too.
            if !powered_off && !reasons.iter().any(|r| r.kind == Kind::Panic) {
                let text = "QEMU ended, but the guest did not power off";
                add(&mut reasons, Kind::Reset, text.to_owned());
            }
        }
        Ending::Flood(_) => add(&mut reasons, Kind::Flood, evidence.ending.to_string()),
        hang => add(&mut reasons, Kind::Hang, hang.to_string()),
    }
    stream::troubles(&stream, evidence.asked, powered_off, &mut reasons);
    reasons.sort_by_key(|r| r.kind);
    Verdict { stream, reasons }
}

/// All that a console alone tells: for a guest that runs no cases.
pub fn console_troubles(console: &str) -> Vec<Reason> {
    match Patterns::built_in() {
        Ok(patterns) => console::troubles(patterns, console, |_| false),
        Err(why) => broken(why),
    }
}

/// What is wrong where the judge cannot work.
fn broken(why: &str) -> Vec<Reason> {
    let mut reasons = Vec::new();
    add(&mut reasons, Kind::Judge, why.to_owned());
    reasons
}

/// What a port said, as the judge reads it: whatever the bytes, and without the
/// carriage returns of a serial line.
pub fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "")
}

fn add(reasons: &mut Vec<Reason>, kind: Kind, text: String) {
    reasons.push(Reason {
        kind,
        text: text.trim().to_owned(),
        of_case: false,
    });
}
