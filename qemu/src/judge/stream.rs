// SPDX-License-Identifier: GPL-2.0

//! Searches the guest's KTAP stream for trouble.

use modproof_formats::ADDED;

use super::ktap::{Case, Outcome, Stream};
use super::patterns::Patterns;
use super::{add, taint, Kind, Reason};

/// Adds the kinds of kernel trouble that notes of failed cases report and the console does not.
pub fn notes(patterns: &Patterns, stream: &Stream, reasons: &mut Vec<Reason>) {
    let console: Vec<_> = reasons.iter().map(|r| r.kind).collect();
    for case in failed(stream) {
        for note in &case.notes {
            for pattern in &patterns.notes {
                let Some(found) = pattern.regex.captures(note) else {
                    continue;
                };
                if console.contains(&pattern.kind) {
                    continue;
                }
                let letters = found.name("letters").map_or("", |letters| letters.as_str());
                let why = taint::unexpected(patterns, letters.chars());
                let why = why.map_or(String::new(), |why| format!("{why}: "));
                reasons.push(Reason {
                    kind: pattern.kind,
                    text: format!("{why}{}: {note}", case.name),
                    of_case: true,
                });
            }
        }
    }
}

/// Adds the faults of the stream.
pub fn troubles(
    stream: &Stream,
    asked: Option<&[String]>,
    powered_off: bool,
    reasons: &mut Vec<Reason>,
) {
    let names: Vec<_> = failed(stream).map(|case| case.name.as_str()).collect();
    if !names.is_empty() {
        let (failed, ran, names) = (names.len(), stream.cases.len(), names.join(" "));
        reasons.push(Reason {
            kind: Kind::TestFailures,
            text: format!("{failed} of {ran}: {names}"),
            of_case: true,
        });
    }
    garbage(stream, reasons);
    if stream.closings.is_empty() {
        return no_verdict(stream, powered_off, reasons);
    }
    verdict(stream, reasons);
    if let Some(asked) = asked {
        cases(stream, asked, reasons);
    }
    counts(stream, reasons);
}

fn failed(stream: &Stream) -> impl Iterator<Item = &Case> {
    let cases = stream.cases.iter();
    cases.filter(|case| case.outcome == Outcome::Failed)
}

fn garbage(stream: &Stream, reasons: &mut Vec<Reason>) {
    let began = stream.headers[0] > 0 || !stream.cases.is_empty() || !stream.closings.is_empty();
    if let Some(stray) = stream.strays.first() {
        let shown: String = stray.escape_debug().take(100).collect();
        let what = format!("{} lines that are no KTAP: {shown}", stream.strays.len());
        add(reasons, Kind::Garbage, what);
    } else if began && stream.headers[0] != 1 {
        let what = format!("the stream was begun {} times", stream.headers[0]);
        add(reasons, Kind::Garbage, what);
    }
}

fn no_verdict(stream: &Stream, powered_off: bool, reasons: &mut Vec<Reason>) {
    let ran = stream.cases.len();
    let began = stream.cut_off || stream.headers != [0, 0] || ran > 0;
    if !began {
        // These explain a stream without any output.
        let explains = [
            Kind::Panic,
            Kind::Hang,
            Kind::Flood,
            Kind::Reset,
            Kind::Qemu,
        ];
        if !reasons.iter().any(|r| explains.contains(&r.kind)) {
            let what = "the guest reported nothing";
            add(reasons, Kind::VerdictMissing, what.to_owned());
        }
        return;
    }
    let place = format!("after {ran} of {} cases", planned(stream));
    if stream.cut_off {
        let what = format!("the stream ends in the middle of a line, {place}");
        add(reasons, Kind::CutOff, what);
    } else if stream.plan == Some(ran) {
        let what = "all cases ended, but the guest gave no verdict";
        add(reasons, Kind::VerdictMissing, what.to_owned());
    } else if powered_off {
        add(reasons, Kind::PoweredOffEarly, place);
    } else {
        add(reasons, Kind::CutOff, format!("the stream ends {place}"));
    }
}

fn verdict(stream: &Stream, reasons: &mut Vec<Reason>) {
    if stream.closings.len() > 1 {
        let what = format!("{} verdicts", stream.closings.len());
        add(reasons, Kind::VerdictTwice, what);
    } else if stream.after_closing || stream.cut_off {
        let what = "something follows the verdict";
        add(reasons, Kind::VerdictTwice, what.to_owned());
    }
    let says_fail = stream.closings.iter().any(|closing| !closing.pass);
    if says_fail && failed(stream).next().is_none() {
        // The guest may print the cause before the cases or after them, so the reason has both.
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
}

/// Compares the names: counts would not show that one case ran in place of another.
fn cases(stream: &Stream, asked: &[String], reasons: &mut Vec<Reason>) {
    let mut came: Vec<_> = stream.cases.iter().map(|case| case.name.as_str()).collect();
    if came.last() == Some(&ADDED) {
        came.pop();
    }
    let times = |name: &str| came.iter().filter(|other| **other == name).count();
    let asked: Vec<_> = asked.iter().map(String::as_str).collect();
    let missing = asked.iter().copied().filter(|name| times(name) == 0);
    let twice = asked.iter().copied().filter(|name| times(name) > 1);
    let others = came.iter().copied().filter(|name| !asked.contains(name));
    let mut said = Vec::new();
    for (what, names) in [
        ("did not come", missing.collect::<Vec<_>>()),
        ("more than once", twice.collect()),
        ("not asked for", others.collect()),
    ] {
        if !names.is_empty() {
            said.push(format!("{what}: {}", names.join(" ")));
        }
    }
    if !said.is_empty() {
        add(reasons, Kind::WrongCases, said.join("; "));
    }
}

fn counts(stream: &Stream, reasons: &mut Vec<Reason>) {
    let counts = stream.counts();
    let ran = stream.cases.len();
    let contradicts = |closing: &&super::ktap::Closing| closing.counts != Some(counts);
    let what = if stream.headers[1] > 1 {
        format!("planned {} times", stream.headers[1])
    } else if stream.plan != Some(ran) {
        format!("{} cases planned, {ran} came", planned(stream))
    } else if let Some(line) = stream.misnumbered.first() {
        format!("out of order: {line}")
    } else if let Some(closing) = stream.closings.iter().find(contradicts) {
        format!(
            "the guest counts {:?}, the stream has {counts:?} (passed, failed, skipped)",
            closing.counts
        )
    } else if stream.closings.iter().any(|c| c.pass) && ran == 0 {
        "no case was tried".to_owned()
    } else {
        return;
    };
    add(reasons, Kind::Miscount, what);
}

fn planned(stream: &Stream) -> String {
    let number = stream.plan.map(|plan| plan.to_string());
    number.unwrap_or_else(|| "an unknown number of".to_owned())
}
