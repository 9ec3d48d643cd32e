// SPDX-License-Identifier: GPL-2.0

//! The module's file `requests`, and what should stand in it.

use std::collections::BTreeMap;

use anyhow::{bail, ensure, Context, Result};
use rdna1_records::{body, Record};

use crate::ask::Request;
use crate::guard;

/// The probes, in the order of the file.
pub const PROBES: [&str; 5] = [
    "alloc_memory",
    "svm",
    "set_memory_policy",
    "create_queue",
    "self_check",
];

/// Keys of which the value is no count.
const WORDS: [&str; 13] = [
    "record",
    "gpu",
    "node",
    "gpu_id",
    "heap",
    "op",
    "attribute",
    "name",
    "function",
    "state",
    "errno",
    "by",
    "kept",
];

/// What the file said at one moment.
#[derive(Debug, Clone)]
pub struct Requests {
    text: String,
    records: Vec<Record>,
}

/// Numbers of the file, by the words before them.
pub type Numbers = BTreeMap<String, u64>;

/// Reads the file.
pub fn read() -> Result<Requests> {
    Requests::parse(guard::text("requests")?)
}

impl Requests {
    /// Parses the file's text.
    pub fn parse(text: String) -> Result<Self> {
        let lines = body("requests", &text)?.lines();
        let records = lines.map(Record::parse).collect::<Result<Vec<_>>>()?;
        let requests = Self { text, records };
        let about = requests.records.first().context("requests is empty")?;
        about.expect(&[
            ("record", "about"),
            ("counts", "requests-at-entry"),
            ("failed", "included"),
        ])?;
        let probes = requests.of_kind("probe");
        let names: Vec<&str> = probes.map(|p| p.get("name")).collect::<Result<_>>()?;
        ensure!(
            names == PROBES,
            "expected the probes {PROBES:?}, seen {names:?}"
        );
        Ok(requests)
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Record> {
        self.records
            .iter()
            .filter(move |record| record.has(&[("record", kind)]))
    }

    /// The last fine-grained requests.
    pub fn last(&self) -> Vec<&Record> {
        self.of_kind("last").collect()
    }

    /// Demands this of every probe.
    pub fn expect_probes(&self, wanted: &[(&str, &str)]) -> Result<()> {
        self.of_kind("probe")
            .try_for_each(|probe| probe.expect(wanted))
    }

    /// The state of a probe.
    pub fn state(&self, name: &str) -> Result<&str> {
        let probe = self.of_kind("probe").find(|p| p.has(&[("name", name)]));
        probe
            .with_context(|| format!("no probe {name}:\n{}", self.text))?
            .get("state")
    }

    /// Demands a record of the place where a card's or all others' requests of a kind are counted.
    pub fn expect_gpu(&self, gpu_id: &str, gpu: &str, node: &str) -> Result<()> {
        let mut found = self
            .records
            .iter()
            .filter(|r| r.has(&[("gpu_id", gpu_id), ("record", "queue")]));
        let record = found
            .next()
            .with_context(|| format!("no record of {gpu_id}:\n{}", self.text))?;
        record.expect(&[("gpu", gpu), ("node", node)])
    }

    /// The ids that have records of their own.
    pub fn gpu_ids(&self) -> Result<Vec<&str>> {
        self.of_kind("queue").map(|r| r.get("gpu_id")).collect()
    }

    /// All that is counted; what is not counted of the probes is the self-check, which every read
    /// of ours makes.
    pub fn numbers(&self) -> Result<Numbers> {
        let mut numbers = Numbers::new();
        for record in &self.records {
            let kind = record.get("record")?;
            let identity: &[&str] = match kind {
                "alloc" => &["gpu_id", "heap"],
                "policy" | "queue" => &["gpu_id"],
                "svm" => &["op"],
                "svm_attribute" => &["op", "attribute"],
                "svm_unread" | "fine" => &[],
                "probe" if !record.has(&[("name", "self_check")]) => &["name"],
                "about" | "last" | "probe" => continue,
                other => bail!("no record={other} is known:\n{}", self.text),
            };
            let mut name = kind.to_owned();
            for key in identity {
                name = format!("{name} {}", record.get(key)?);
            }
            for (key, value) in record.pairs().filter(|(key, _)| !WORDS.contains(key)) {
                let value = value.parse().with_context(|| format!("{name} {key}"))?;
                let before = numbers.insert(format!("{name} {key}"), value);
                ensure!(
                    before.is_none(),
                    "{name} {key} is there twice:\n{}",
                    self.text
                );
            }
        }
        Ok(numbers)
    }

    /// Demands that since `before` the numbers have risen by these, and no other has changed.
    pub fn expect_rise(&self, before: &Self, expected: &Numbers) -> Result<()> {
        let (before, after) = (before.numbers()?, self.numbers()?);
        let mut wrong = Vec::new();
        for (name, after) in &after {
            let before = before.get(name).copied().unwrap_or(0);
            let expected = expected.get(name).copied().unwrap_or(0);
            if *after != before + expected {
                wrong.push(format!(
                    "{name}: expected {before} + {expected}, seen {after}"
                ));
            }
        }
        let missing = expected.keys().chain(before.keys());
        for name in missing.filter(|name| !after.contains_key(*name)) {
            wrong.push(format!("{name}: expected, not seen"));
        }
        ensure!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), self.text);
        Ok(())
    }
}

/// By how much what numbers rise if this is asked so many times; `cards` are the ids that have
/// records of their own.
pub fn add(expected: &mut Numbers, cards: &[u32], request: &Request, times: u64) {
    let place = |gpu_id: u32| {
        if cards.contains(&gpu_id) {
            format!("{gpu_id:#x}")
        } else {
            "-".to_owned()
        }
    };
    let mut rise = |name: String| *expected.entry(name).or_default() += times;
    match request {
        Request::Alloc { gpu_id, flags, .. } => {
            let has = |bit: u32| flags & (1 << bit) != 0;
            let heaps = ["vram", "gtt", "userptr", "doorbell", "mmio"];
            let heap = heaps.into_iter().zip(0..).find(|(_, bit)| has(*bit));
            let heap = heap.map_or("none", |(heap, _)| heap);
            let name = format!("alloc {} {heap}", place(*gpu_id));
            rise("probe alloc_memory hits".to_owned());
            rise(format!("{name} requests"));
            let (extended, uncached, coherent, queue) = (has(24), has(25), has(26), has(27));
            let fine = extended || uncached || coherent;
            for (key, is) in [
                ("queue", queue),
                ("coarse", !queue && !fine),
                ("coherent", !queue && coherent),
                ("uncached", !queue && uncached),
                ("ext_coherent", !queue && extended),
            ] {
                if is {
                    rise(format!("{name} {key}"));
                }
            }
            if fine && !queue && ["vram", "gtt", "userptr"].contains(&heap) {
                rise("fine requests".to_owned());
            }
        }
        Request::Svm { op, attributes, .. } => {
            let op = ["set", "get"].get(*op as usize).copied().unwrap_or("other");
            rise("probe svm hits".to_owned());
            rise(format!("svm {op} requests"));
            if op == "other" {
                return;
            }
            let mut fine = false;
            for (kind, value) in attributes.iter().take(64) {
                let kind = match kind {
                    0 => "preferred_loc",
                    1 => "prefetch_loc",
                    2 => "access",
                    3 => "access_in_place",
                    4 => "no_access",
                    5 => "set_flags",
                    6 => "clr_flags",
                    7 => "granularity",
                    _ => "other",
                };
                rise(format!("svm_attribute {op} {kind} attributes"));
                if op == "set" && kind.ends_with("_flags") {
                    for (key, bit) in [("coherent", 0x2), ("ext_coherent", 0x80)] {
                        if value & bit != 0 {
                            rise(format!("svm_attribute {op} {kind} {key}"));
                            fine |= kind == "set_flags";
                        }
                    }
                }
            }
            for _ in attributes.iter().skip(64) {
                rise("svm_unread attributes".to_owned());
            }
            if fine {
                rise("fine requests".to_owned());
            }
        }
        Request::Policy {
            gpu_id,
            default,
            alternate,
        } => {
            let name = format!("policy {}", place(*gpu_id));
            rise("probe set_memory_policy hits".to_owned());
            rise(format!("{name} requests"));
            for (which, policy) in [("default", default), ("alternate", alternate)] {
                match policy {
                    0 => rise(format!("{name} {which}_coherent")),
                    1 => rise(format!("{name} {which}_noncoherent")),
                    _ => (),
                }
            }
        }
        Request::Queue { gpu_id, kind } => {
            let name = format!("queue {}", place(*gpu_id));
            let kinds = [
                "compute",
                "sdma",
                "compute_aql",
                "sdma_xgmi",
                "sdma_by_engine",
            ];
            let kind = kinds.get(*kind as usize).copied().unwrap_or("other");
            rise("probe create_queue hits".to_owned());
            rise(format!("{name} requests"));
            rise(format!("{name} {kind}"));
        }
        Request::Version => (),
    }
}
