// SPDX-License-Identifier: GPL-2.0

//! What `--json` prints: one document for each command, each with a schema.

use std::collections::BTreeMap;

use anyhow::Result;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::findings::variables::Setting;
use crate::findings::Finding;
use crate::rows::{self, Check, Gpu, Heap, Value};
use crate::sources::pages::{Origin, Pages};
use crate::sources::pci;
use crate::sources::slot::SlotLink;
use crate::sources::Facts;

/// The form of all documents. It rises when a key is renamed, removed or changes its meaning.
pub const FORM: u32 = 1;

macro_rules! documents {
    ($( $(#[$meta:meta])* $name:ident = $file:literal { $( $(#[$doc:meta])* $key:ident: $kind:ty, )+ } )+) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
            pub struct $name {
                /// The form of this document.
                pub form: u32,
                /// Where it was read.
                pub origin: Origin,
                $( $(#[$doc])* pub $key: $kind, )+
            }
        )+

        /// The schema of each command's document, by the command's name. It is that of what is
        /// written: all keys are there, always.
        pub fn schemas() -> Vec<(&'static str, Schema)> {
            let new = || SchemaSettings::draft2020_12().for_serialize().into_generator();
            vec![$( ($file, new().into_root_schema_for::<$name>()) ),+]
        }
    };
}

documents! {
    /// `rdna1ctl status --json`
    StatusDocument = "status" {
        /// The worst verdict of all cards: lie, unknown or truth; null without a card.
        verdict: Option<String>,
        /// The cards.
        cards: Vec<Card>,
        /// Programs that use KFD.
        programs: Vec<Program>,
        /// Other graphics cards of AMD's, which nothing is said about.
        others: Vec<pci::Gpu>,
    }

    /// `rdna1ctl heaps --json`
    HeapsDocument = "heaps" {
        /// A record for each memory bank.
        records: Vec<Heap>,
    }

    /// `rdna1ctl checks --json`
    ChecksDocument = "checks" {
        /// A record for each rule and card or bank.
        records: Vec<Check>,
    }

    /// `rdna1ctl gpus --json`
    GpusDocument = "gpus" {
        /// A record for each card.
        records: Vec<Gpu>,
    }

    /// `rdna1ctl counters --json`
    CountersDocument = "counters" {
        /// What the module counted, by name; null without the module.
        counters: Option<BTreeMap<String, u64>>,
    }

    /// `rdna1ctl requests --json`
    RequestsDocument = "requests" {
        /// A record for each line of the file; null where requests are not counted.
        records: Option<Vec<BTreeMap<String, Value>>>,
    }

    /// `rdna1ctl doctor --json`
    DoctorDocument = "doctor" {
        /// The findings, troubles first.
        findings: Vec<Finding>,
    }

    /// `rdna1ctl env --json`
    EnvDocument = "env" {
        /// Why nothing is set; null where something may be.
        refused: Option<String>,
        /// The variables that fit.
        settings: Vec<Setting>,
    }
}

/// A card, as `status` tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Card {
    /// What `gpus` says of it.
    #[serde(flatten)]
    pub card: Gpu,
    /// The devices that the kernel's graphics core made for it, as `card0` and `renderD128`.
    pub drm: Vec<String>,
    /// The link between its slot and its own switch; null where it has none. Then `link_gts` and the
    /// like are the slot's.
    pub slot_link: Option<SlotLink>,
    /// Its memory banks, as `heaps` tells.
    pub heaps: Vec<Heap>,
    /// The rules that say lie.
    pub lies: Vec<String>,
    /// The rules that could not be judged.
    pub unknown: Vec<String>,
}

/// A program that uses KFD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Program {
    /// Its id.
    pub pid: u32,
    /// What it is called.
    pub command: String,
    /// How much VRAM it has of all cards, in bytes.
    pub vram_bytes: u64,
    /// Whether its environment overrides the ISA; null where that may not be read.
    pub overrides: Option<bool>,
}

impl StatusDocument {
    /// What is told of these facts.
    pub fn of(facts: &Facts) -> Self {
        let pages = &facts.pages;
        Self {
            form: FORM,
            origin: pages.origin.clone(),
            verdict: pages.verdict().map(str::to_owned),
            cards: pages.gpus.iter().map(|gpu| card(facts, gpu)).collect(),
            programs: facts.processes.list.iter().map(program).collect(),
            others: facts
                .gpus
                .iter()
                .filter(|gpu| !gpu.is_ours())
                .cloned()
                .collect(),
        }
    }
}

fn card(facts: &Facts, gpu: &rdna1_records::Record) -> Card {
    let address = gpu.find("gpu");
    let rules = |verdict: &str| {
        let checks = facts.pages.checks.iter();
        let mut rules: Vec<_> = checks
            .filter(|check| check.find("gpu") == address && check.find("verdict") == Some(verdict))
            .filter_map(|check| check.find("rule"))
            .map(str::to_owned)
            .collect();
        rules.dedup();
        rules
    };
    let heaps = facts.pages.heaps.iter();
    let on_bus = facts
        .gpus
        .iter()
        .find(|one| Some(one.gpu.as_str()) == address);
    Card {
        card: gpu.into(),
        drm: on_bus.map(|one| one.drm.clone()).unwrap_or_default(),
        slot_link: on_bus.and_then(|one| one.slot_link.clone()),
        heaps: heaps
            .filter(|heap| heap.find("gpu") == address)
            .map(Heap::from)
            .collect(),
        lies: rules("lie"),
        unknown: rules("unknown"),
    }
}

fn program(process: &crate::sources::processes::Process) -> Program {
    let overrides = |variables: &Vec<(String, String)>| {
        variables
            .iter()
            .any(|(name, _)| name.starts_with("HSA_OVERRIDE_GFX_VERSION"))
    };
    Program {
        pid: process.pid,
        command: process.command.clone(),
        vram_bytes: process.vram_bytes.iter().map(|(_, bytes)| bytes).sum(),
        overrides: process.environment.as_ref().map(overrides),
    }
}

/// The document of one of the module's files.
pub fn page(pages: &Pages, file: crate::cli::File) -> Result<String> {
    use crate::cli::File;
    let (form, origin) = (FORM, pages.origin.clone());
    match file {
        File::Heaps => json(&HeapsDocument {
            form,
            origin,
            records: pages.heaps.iter().map(Into::into).collect(),
        }),
        File::Checks => json(&ChecksDocument {
            form,
            origin,
            records: pages.checks.iter().map(Into::into).collect(),
        }),
        File::Gpus => json(&GpusDocument {
            form,
            origin,
            records: pages.gpus.iter().map(Into::into).collect(),
        }),
        File::Counters => json(&CountersDocument {
            form,
            origin,
            counters: pages.counters.as_ref().map(|counters| {
                let values = counters.values();
                values
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
        }),
        File::Requests => json(&RequestsDocument {
            form,
            origin,
            records: pages
                .requests
                .as_ref()
                .map(|records| records.iter().map(rows::values).collect()),
        }),
    }
}

/// A document as text.
pub fn json(document: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}
