// SPDX-License-Identifier: GPL-2.0

//! Judges a boot from its output. This is a pure function, so tests can run it on logs of boots
//! that went wrong in known ways.

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

/// A reason why a boot failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reason {
    /// The kind of trouble.
    pub kind: Kind,
    /// The evidence.
    pub text: String,
    /// Whether it comes from failed cases, which the report shows anyway.
    pub of_case: bool,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

/// The evidence that a boot leaves.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The kernel's console.
    pub console: &'a str,
    /// The guest's KTAP stream.
    pub ktap: &'a str,
    /// QEMU's own messages.
    pub qemu: &'a str,
    /// The requested cases. `None`: not known.
    pub asked: Option<&'a [String]>,
    /// How the run ended.
    pub ending: Ending,
}

/// The verdict on a boot.
#[derive(Debug)]
pub struct Verdict {
    /// The parsed stream with the guest's cases.
    pub stream: Stream,
    /// All reasons to fail the boot, the most important first. Empty: the boot passed.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// Whether the boot passed.
    pub fn passed(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Judges a boot. A judge that cannot work fails the boot.
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
            // With `panic=-1`, QEMU also exits after a panic.
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

/// The reasons that the console shows, for a guest that runs no cases.
pub fn console_troubles(console: &str) -> Vec<Reason> {
    match Patterns::built_in() {
        Ok(patterns) => console::troubles(patterns, console, |_| false),
        Err(why) => broken(why),
    }
}

/// The reason for a judge that cannot work.
fn broken(why: &str) -> Vec<Reason> {
    let mut reasons = Vec::new();
    add(&mut reasons, Kind::Judge, why.to_owned());
    reasons
}

/// Converts a port's output for the judge: replaces invalid UTF-8, and removes the carriage
/// returns of a serial line.
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
