// SPDX-License-Identifier: GPL-2.0

//! The gains of the requests counters between two reads.

use rdna1_records::Record;
use schemars::JsonSchema;
use serde::Serialize;

/// Keys that name the owner of a number, also if their values are decimal. All other keys with a
/// decimal value are numbers that may rise.
const NAMING: [&str; 12] = [
    "record",
    "gpu",
    "node",
    "gpu_id",
    "heap",
    "op",
    "attribute",
    "name",
    "function",
    "bank",
    "rule",
    "kind",
];

/// The key of a record that is an event, not a counter. Such records appear and disappear as a whole.
const EVENT: &str = "number";

/// The gain of one number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gain {
    /// The owner of the number, such as `record=alloc gpu=… heap=vram`.
    pub of: String,
    /// The number's key.
    pub key: String,
    /// Its gain.
    pub by: u64,
}

/// The difference of two reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gains {
    /// The numbers that rose.
    pub counters: Vec<Gain>,
    /// The new events, as lines of the file.
    pub events: Vec<String>,
    /// Whether a number fell: the module was reloaded meanwhile, and its earlier counts are lost.
    pub fell: bool,
}

/// Compares two reads of `requests`.
pub fn gains(before: &[Record], after: &[Record]) -> Gains {
    let mut gains = Gains::default();
    for record in after {
        if record.find(EVENT).is_some() {
            if !before.iter().any(|old| old.line() == record.line()) {
                gains.events.push(record.line().to_owned());
            }
            continue;
        }
        let of = naming(record);
        let who = identity(record);
        let old = before.iter().find(|old| identity(old) == who);
        for (key, now) in numbers(record) {
            let then = old
                .and_then(|old| old.find(key)?.parse().ok())
                .unwrap_or(0u64);
            match now.checked_sub(then) {
                Some(0) => {}
                Some(by) => gains.counters.push(Gain {
                    of: of.clone(),
                    key: key.to_owned(),
                    by,
                }),
                // An errno is no counter.
                None => gains.fell |= key != "errno",
            }
        }
    }
    gains
}

/// The words that name the record's owner.
pub fn naming(record: &Record) -> String {
    let pairs = record.pairs().filter(|(key, _)| NAMING.contains(key));
    let words: Vec<_> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
    words.join(" ")
}

/// Identifies the record in another read. A card that leaves KFD meanwhile, as after a crash, keeps
/// its id and loses its address.
fn identity(record: &Record) -> String {
    let has_id = record.find("gpu_id").is_some_and(|id| id.starts_with("0x"));
    let words: Vec<_> = record
        .pairs()
        .filter(|(key, _)| NAMING.contains(key))
        .filter(|(key, _)| !(has_id && matches!(*key, "gpu" | "node")))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    words.join(" ")
}

/// The probes whose zeros mean nothing, as `name (state)`.
pub fn deaf(records: &[Record]) -> Vec<String> {
    let probes = records
        .iter()
        .filter(|record| record.find("record") == Some("probe"));
    let deaf = probes.filter_map(|probe| {
        let (name, state) = (probe.find("name")?, probe.find("state")?);
        (state != "armed").then(|| format!("{name} ({state})"))
    });
    deaf.collect()
}

/// Whether a key names the owner of a number.
pub fn is_naming(key: &str) -> bool {
    NAMING.contains(&key)
}

/// The numbers of a record that may rise.
pub fn numbers(record: &Record) -> impl Iterator<Item = (&str, u64)> {
    record.pairs().filter_map(|(key, value)| {
        if NAMING.contains(&key) || !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some((key, value.parse().ok()?))
    })
}

/// The kinds of records, each once, in the order of their first records.
pub fn kinds(records: &[Record]) -> Vec<&str> {
    let mut kinds = Vec::new();
    for kind in records.iter().filter_map(|record| record.find("record")) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// Whether the record is an event, not a counter.
pub fn is_event(record: &Record) -> bool {
    record.find(EVENT).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(lines: &[&str]) -> Vec<Record> {
        lines
            .iter()
            .map(|line| Record::parse(line).unwrap())
            .collect()
    }

    #[test]
    fn numbers_rise_and_events_come() {
        let before = records(&[
            "record=probe name=svm state=armed errno=0 hits=4 missed=0",
            "record=alloc gpu=0000:03:00.0 node=1 gpu_id=0x3039 heap=vram requests=2 coherent=0",
            "record=last number=7 pid=9 flags=0x1",
        ]);
        let after = records(&[
            "record=probe name=svm state=armed errno=0 hits=5 missed=0",
            "record=alloc gpu=0000:03:00.0 node=1 gpu_id=0x3039 heap=vram requests=5 coherent=3",
            "record=alloc gpu=0000:09:00.0 node=2 gpu_id=0x303a heap=vram requests=1 coherent=0",
            "record=last number=7 pid=9 flags=0x1",
            "record=last number=8 pid=9 flags=0x2",
        ]);
        let gains = gains(&before, &after);
        let seen: Vec<_> = gains
            .counters
            .iter()
            .map(|gain| (gain.key.as_str(), gain.by))
            .collect();
        assert_eq!(
            seen,
            [
                ("hits", 1),
                ("requests", 3),
                ("coherent", 3),
                ("requests", 1)
            ]
        );
        assert_eq!(gains.events, ["record=last number=8 pid=9 flags=0x2"]);
        assert!(!gains.fell);
    }

    #[test]
    fn a_card_that_left_kfd_keeps_its_numbers() {
        let before = records(&["record=queue gpu=0000:03:00.0 node=1 gpu_id=0x3039 requests=9"]);
        let after = records(&["record=queue gpu=? node=? gpu_id=0x3039 requests=10"]);
        let gains = gains(&before, &after);
        let seen: Vec<_> = gains.counters.iter().map(|gain| gain.by).collect();
        assert_eq!((seen.as_slice(), gains.fell), (&[1][..], false));
    }

    #[test]
    fn a_fall_is_told() {
        let before = records(&["record=svm op=set requests=9"]);
        let after = records(&["record=svm op=set requests=2"]);
        let gains = gains(&before, &after);
        assert!(gains.fell && gains.counters.is_empty());
    }
}
