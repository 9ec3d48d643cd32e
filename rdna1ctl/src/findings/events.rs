// SPDX-License-Identifier: GPL-2.0

//! Faults, hangs and resets of the card in the kernel's log, grouped by kind and program.

use anyhow::Result;
use regex_lite::Regex;

use crate::sources::log::Line;

pub use super::event_kinds::Kind;
use super::event_kinds::{is_of_amdgpu, kind};

/// All events of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// The kind.
    pub kind: Kind,
    /// How many there were.
    pub count: usize,
    /// By program; the program with the newest event comes first.
    pub groups: Vec<Group>,
    /// Whether they may be another card's: no line names a card, and there are several cards.
    pub may_be_anothers: bool,
}

/// The events of a kind that one program, or one ring, caused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The program, as `python3 (process 4242)`, if the log names it.
    pub who: Option<String>,
    /// How many.
    pub count: usize,
    /// The first.
    pub first: Line,
    /// The last.
    pub last: Line,
}

struct Event<'a> {
    kind: Kind,
    gpu: Option<String>,
    ring: Option<String>,
    who: Option<String>,
    line: &'a Line,
}

/// How many lines after an event the log can name its program, or repeat the event.
const NEAR: u64 = 6;

/// The events in those lines that are about a card at one of these addresses. `others` tells
/// whether there are other cards of AMD.
pub fn events(lines: &[Line], cards: &[&str], others: bool) -> Result<Vec<Events>> {
    let reader = Reader::new()?;
    let mut found: Vec<Event> = Vec::new();
    for line in lines {
        let gpu = reader.gpu(&line.text);
        if gpu.as_deref().is_some_and(|gpu| !cards.contains(&gpu)) {
            continue;
        }
        if let Some(kind) = kind(&line.text) {
            if is_repeated(&found, kind, line) {
                continue;
            }
            found.push(Event {
                kind,
                ring: reader.ring(&line.text),
                who: reader.who(&line.text),
                gpu,
                line,
            });
        } else if let Some(who) = reader.who(&line.text) {
            let last = found.last_mut().filter(|last| {
                let is_near = line.number.saturating_sub(last.line.number) <= NEAR;
                let has_program = matches!(last.kind, Kind::PageFault | Kind::RingTimeout);
                is_near && has_program && last.who.is_none()
            });
            if let Some(last) = last {
                last.who = Some(who);
            }
        }
    }
    Ok(grouped(&found, others))
}

/// Whether `found` has this event already: events of these kinds take several lines.
fn is_repeated(found: &[Event], kind: Kind, line: &Line) -> bool {
    let takes_several = matches!(kind, Kind::Preemption | Kind::ResetFailed);
    let last = found.iter().rev().find(|one| one.kind == kind);
    takes_several && last.is_some_and(|last| line.number.saturating_sub(last.line.number) <= NEAR)
}

/// Whether that line reports an event, or belongs to one.
pub fn is_telling(text: &str) -> bool {
    kind(text).is_some()
        || is_of_amdgpu(text)
            && [
                "rocess ",
                "in page starting at",
                "PROTECTION_FAULT_STATUS",
                "GPU reset",
                "*ERROR*",
                "firmware",
                "skipped device",
            ]
            .iter()
            .any(|word| text.contains(word))
}

struct Reader {
    gpu: Regex,
    ring: Regex,
    who: Regex,
}

impl Reader {
    fn new() -> Result<Self> {
        Ok(Self {
            gpu: Regex::new(r"(?:amdgpu|drm\]) ([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")?,
            ring: Regex::new(r"(?i)\bring ([a-z]+[a-z0-9_.]*[0-9a-z])")?,
            who: Regex::new(r"(?i)(?:process information: )?\bprocess (.*?) ?pid ([0-9]+)")?,
        })
    }

    fn gpu(&self, text: &str) -> Option<String> {
        Some(self.gpu.captures(text)?.get(1)?.as_str().to_owned())
    }

    fn ring(&self, text: &str) -> Option<String> {
        Some(self.ring.captures(text)?.get(1)?.as_str().to_owned())
    }

    /// The program; `None` if the kernel knows none, and prints an empty name and 0.
    fn who(&self, text: &str) -> Option<String> {
        let found = self.who.captures(text)?;
        let (name, pid) = (found.get(1)?.as_str().trim(), found.get(2)?.as_str());
        match (name, pid) {
            (_, "0") => None,
            ("", pid) => Some(format!("process {pid}")),
            (name, pid) => Some(format!("{name} (process {pid})")),
        }
    }
}

fn grouped(found: &[Event], others: bool) -> Vec<Events> {
    let mut all: Vec<Events> = Vec::new();
    for event in found.iter().rev() {
        let is_unnamed = event.gpu.is_none() && others;
        let at = all.iter().position(|one| one.kind == event.kind);
        let events = match at.and_then(|at| all.get_mut(at)) {
            Some(events) => events,
            None => {
                all.push(Events {
                    kind: event.kind,
                    count: 0,
                    groups: Vec::new(),
                    may_be_anothers: true,
                });
                let Some(events) = all.last_mut() else {
                    continue;
                };
                events
            }
        };
        events.count += 1;
        events.may_be_anothers &= is_unnamed;
        let ring = event.ring.as_ref().map(|ring| format!("ring {ring}"));
        let who = match (&event.who, ring) {
            (Some(who), Some(ring)) => Some(format!("{who}, {ring}")),
            (Some(who), None) => Some(who.clone()),
            (None, ring) => ring,
        };
        match events.groups.iter_mut().find(|group| group.who == who) {
            Some(group) => {
                group.count += 1;
                group.first = event.line.clone();
            }
            None => events.groups.push(Group {
                who,
                count: 1,
                first: event.line.clone(),
                last: event.line.clone(),
            }),
        }
    }
    all
}
