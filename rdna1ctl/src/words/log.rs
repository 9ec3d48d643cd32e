// SPDX-License-Identifier: GPL-2.0

//! Prints the kernel's log: first the events, then the most relevant lines.

use crate::findings::events::{is_telling, Events};
use crate::findings::happened::times;
use crate::findings::State;
use crate::sources::log::{stamp, Line};

use super::paper::{red, yellow, TextWriter};
use super::safe;

const LINES: usize = 40;

/// The most programs or rings that are shown for each kind of event.
const NAMED: usize = 5;

/// Writes the events, newest first.
pub fn events(paper: &mut TextWriter, events: &[Events]) {
    for one in events {
        let says = format!("{} ({})", one.kind.says(), times(one.count));
        paper.paragraph(
            "",
            &match one.kind.state() {
                State::Trouble => red(&says),
                _ => yellow(&says),
            },
        );
        for group in one.groups.iter().take(NAMED) {
            let who = group.who.iter().map(|who| format!("{who}: "));
            let who = who.collect::<String>();
            let words = format!(
                "{who}{}, last at [{}]",
                times(group.count),
                stamp(&group.last)
            );
            paper.paragraph("  ", &safe(&words));
        }
        if let Some(more @ 1..) = one.groups.len().checked_sub(NAMED) {
            paper.line(&format!("  and {more} others"));
        }
    }
    if !events.is_empty() {
        paper.gap();
    }
}

/// The relevance of a line; 0 is the highest. `named` has the numbers of the events' lines.
fn rank(line: &Line, named: &[u64]) -> u8 {
    match line.level {
        _ if named.contains(&line.number) || line.is_about_a_crash() => 0,
        // Debugging messages, such as those of drm.debug.
        7 => 4,
        _ if is_telling(&line.text) => 1,
        // Errors and warnings.
        0..=4 => 2,
        _ => 3,
    }
}

/// The numbers of the first and the last line of each kind of event.
fn ends(events: &[Events]) -> Vec<u64> {
    let lines = events.iter().flat_map(|one| {
        let first = one.groups.iter().map(|group| group.first.number).min();
        let last = one.groups.iter().map(|group| group.last.number).max();
        first.into_iter().chain(last)
    });
    lines.collect()
}

/// Writes the lines about the card or a crash, in their order. If there are too many, it leaves out
/// the least relevant lines, and among equal ones the oldest.
pub fn lines(paper: &mut TextWriter, lines: &[Line], events: &[Events]) {
    if lines.is_empty() {
        paper.line("Nothing about the card or a crash.");
    }
    let named = ends(events);
    let mut ranked: Vec<_> = lines.iter().collect();
    ranked.sort_by_key(|line| (rank(line, &named), std::cmp::Reverse(line.number)));
    let left_out = ranked.len().saturating_sub(LINES);
    ranked.truncate(LINES);
    ranked.sort_by_key(|line| line.number);
    if left_out != 0 {
        let words = format!("({left_out} lines that tell less are left out; sudo dmesg has them)");
        paper.line(&words);
    }
    for line in ranked {
        paper.line(&format!("[{:>12}] {}", stamp(line), safe(&line.text)));
    }
}
