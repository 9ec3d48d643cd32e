// SPDX-License-Identifier: GPL-2.0

//! Findings about faults, hangs and resets of the card in the kernel's log.

use std::io::ErrorKind;

use crate::sources::log::{stamp, Line};
use crate::sources::Facts;

use super::events::{events, Events, Kind};
use super::{Finding, State};

/// The most programs that a finding names.
const NAMED: usize = 5;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    if !facts.has_card() {
        return Vec::new();
    }
    if let Some(why) = &facts.log.unreadable {
        return vec![unread(facts, why)];
    }
    let found = of_lines(facts, &facts.log.lines);
    if found.is_empty() {
        return vec![quiet(facts)];
    }
    found.iter().map(|one| finding(facts, one)).collect()
}

/// The events of the machine's cards in those lines.
pub fn of_lines(facts: &Facts, lines: &[Line]) -> Vec<Events> {
    let cards = facts.pages.addresses();
    let others = facts.gpus.iter().any(|gpu| !gpu.is_ours());
    // The only error is a malformed pattern of this program, and its tests would show it.
    events(lines, &cards, others).unwrap_or_default()
}

/// How often something was logged.
pub fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

fn finding(facts: &Facts, one: &Events) -> Finding {
    let says = match one.may_be_anothers {
        true => format!(
            "{} (logged {}; the lines do not say of which of this machine's cards)",
            one.kind.says(),
            times(one.count)
        ),
        false => format!("{} (logged {})", one.kind.says(), times(one.count)),
    };
    let state = match one.may_be_anothers {
        true => State::Note,
        false => one.kind.state(),
    };
    let found = Finding::new(state, one.kind.id(), says);
    let found = one.groups.iter().take(NAMED).fold(found, |found, group| {
        let who = group
            .who
            .as_ref()
            .map_or_else(String::new, |who| format!("{who}, "));
        let span = match group.count {
            1 => String::new(),
            count => format!("{} since [{}], last: ", times(count), stamp(&group.first)),
        };
        let from = format!("kernel log [{}]", stamp(&group.last));
        found.seen(from, format!("{who}{span}{}", group.last.text.trim()))
    });
    let more = one.groups.len().saturating_sub(NAMED);
    let found = match more {
        0 => found,
        more => found.seen(
            "kernel log",
            format!("{more} other programs or rings, earlier"),
        ),
    };
    let found = match (one.kind, outcome(facts, one)) {
        (Kind::Reset, Some(line)) => {
            found.seen(format!("kernel log [{}]", stamp(line)), line.text.trim())
        }
        (Kind::Reset, None) => found.seen("kernel log", "no line says how the last reset ended"),
        _ => found,
    };
    one.kind
        .advice()
        .iter()
        .fold(found, |found, step| found.advise(*step))
}

/// The line that says how the last reset ended.
fn outcome<'a>(facts: &'a Facts, one: &Events) -> Option<&'a Line> {
    let last = &one.groups.first()?.last;
    let mut after = facts
        .log
        .lines
        .iter()
        .filter(|line| line.number > last.number);
    after.find(|line| {
        line.text.contains("GPU reset")
            && (line.text.contains("succeeded!") || line.text.contains("failed"))
    })
}

/// The finding if the log has no event. The kernel may have overwritten the log's beginning.
fn quiet(facts: &Facts) -> Finding {
    let lines = &facts.log.lines;
    let since = match lines.first() {
        None => {
            return Finding::unseen(
                "log-empty",
                "the kernel's log is empty: nobody can tell whether the card had faults",
            )
        }
        Some(first) if first.microseconds < 60_000_000 => "since the boot".to_owned(),
        Some(first) => format!("since [{}]; what was earlier is overwritten", stamp(first)),
    };
    Finding::good(
        "log",
        "the kernel's log names no fault, hang or reset of the card",
    )
    .seen("/dev/kmsg", format!("{} lines {since}", lines.len()))
}

fn unread(facts: &Facts, why: &std::io::Error) -> Finding {
    let found = Finding::unseen(
        "log-unread",
        "unknown whether the card had faults: the kernel's log could not be read",
    )
    .seen("/dev/kmsg", why.to_string());
    match why.kind() {
        ErrorKind::PermissionDenied if !facts.is_root => found.advise("sudo rdna1ctl doctor"),
        _ if facts.place.container.is_some() => found.advise("run rdna1ctl doctor outside"),
        _ => found.advise("sudo dmesg | grep -iE 'amdgpu|kfd' may show it"),
    }
}
