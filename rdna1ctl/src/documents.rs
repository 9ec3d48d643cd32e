// SPDX-License-Identifier: GPL-2.0

//! The JSON documents of `--json`: one for each command, each with a schema.

use std::collections::BTreeMap;

use anyhow::Result;
use rdna1_records::{Record, UNKNOWN};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::check::CheckDocument;
use crate::findings::code::{judge, Answer};
use crate::findings::unknown::Cause;
use crate::findings::variables::Setting;
use crate::findings::Finding;
use crate::requests::RequestsDocument;
use crate::rows::{Check, Gpu, Heap};
use crate::sources::mapped::Mapped;
use crate::sources::pages::{Origin, Pages};
use crate::sources::pci;
use crate::sources::place::Place;
use crate::sources::slot::SlotLink;
use crate::sources::Facts;

pub use crate::form::FORM;

macro_rules! documents {
    ($( $(#[$meta:meta])* $name:ident = $file:literal { $( $(#[$doc:meta])* $key:ident: $kind:ty, )+ } )+) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
            pub struct $name {
                /// The version of this document's form.
                pub form: u32,
                /// The source of the facts.
                pub origin: Origin,
                $( $(#[$doc])* pub $key: $kind, )+
            }
        )+

        /// The schema of each command's document, by the command's name. It describes documents as
        /// this program writes them: every key is present.
        pub fn schemas() -> Vec<(&'static str, Schema)> {
            let new = || SchemaSettings::draft2020_12().for_serialize().into_generator();
            vec![
                $( ($file, new().into_root_schema_for::<$name>()), )+
                ("check", new().into_root_schema_for::<CheckDocument>()),
                // It has no origin, because the counts are the kernel's own.
                ("requests", new().into_root_schema_for::<RequestsDocument>()),
            ]
        }
    };
}

documents! {
    /// `rdna1ctl status --json`
    StatusDocument = "status" {
        /// The worst verdict of all cards: lie, unknown, truth or unjudged; null without a card.
        verdict: Option<String>,
        /// The cards on the PCI bus.
        cards: Vec<Card>,
        /// The cards that KFD lists but that are not on the PCI bus.
        only_in_kfd: Vec<OnlyInKfd>,
        /// Programs that use KFD.
        programs: Vec<Program>,
        /// AMD's other graphics cards. rdna1ctl does not judge them.
        others: Vec<pci::Gpu>,
        /// The environment of rdna1ctl: container, WSL, virtual machine, ssh.
        place: Place,
        /// Why KFD's topology is hidden here although it may exist; null if it is not hidden.
        kfd_hidden: Option<String>,
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
        /// The module's counters, by name; null without the module.
        counters: Option<BTreeMap<String, u64>>,
    }

    /// `rdna1ctl doctor --json`
    DoctorDocument = "doctor" {
        /// The findings, troubles first.
        findings: Vec<Finding>,
    }

    /// `rdna1ctl env --json`
    EnvDocument = "env" {
        /// Why `env` refuses; null if it does not.
        refused: Option<String>,
        /// Warnings about the variables.
        caveats: Vec<String>,
        /// The variables that fit.
        settings: Vec<Setting>,
    }
}

/// A card on the PCI bus.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Card {
    /// Its record of `gpus`.
    #[serde(flatten)]
    pub card: Gpu,
    /// Its DRM devices, such as `card0` and `renderD128`.
    pub drm: Vec<String>,
    /// The link between the slot and the card's own switch; null if the card has no switch. In that
    /// case, `link_gts` and the like describe the slot's link.
    pub slot_link: Option<SlotLink>,
    /// All KFD nodes of the card. `node` is the worst one, which gives the card its verdict.
    pub nodes: Vec<u32>,
    /// The memory banks of all its nodes: its records of `heaps`.
    pub heaps: Vec<Heap>,
    /// The rules with the verdict lie, over all its nodes.
    pub lies: Vec<String>,
    /// The rules that could not be judged, over all its nodes.
    pub unknown: Vec<String>,
    /// Why they could not be judged; null if that is unknown.
    pub unknown_cause: Option<Cause>,
}

/// A card that KFD lists but that is not on the PCI bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OnlyInKfd {
    /// The PCI address that its nodes name; null if they name none.
    pub gpu: Option<String>,
    /// The nodes.
    pub nodes: Vec<u32>,
    /// The worst verdict over the nodes.
    pub verdict: String,
    /// The rules with the verdict lie.
    pub lies: Vec<String>,
    /// The rules that could not be judged.
    pub unknown: Vec<String>,
    /// Why they could not be judged; null if that is unknown.
    pub unknown_cause: Option<Cause>,
}

/// A program that uses KFD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Program {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub command: String,
    /// Its VRAM on all cards, in bytes.
    pub vram_bytes: u64,
    /// Whether its environment overrides the ISA; null if the environment could not be read.
    pub overrides: Option<bool>,
    /// Whether its libraries have code for the card; null if unknown, or if it uses none of ROCm's.
    pub gfx1010: Option<bool>,
}

impl StatusDocument {
    /// The document for these facts.
    pub fn of(facts: &Facts) -> Self {
        let pages = &facts.pages;
        Self {
            form: FORM,
            origin: pages.origin.clone(),
            verdict: pages.verdict().map(str::to_owned),
            cards: pages.gpus.iter().map(|gpu| card(facts, gpu)).collect(),
            only_in_kfd: only_in_kfd(pages),
            programs: facts.processes.list.iter().map(program).collect(),
            others: facts
                .gpus
                .iter()
                .filter(|gpu| !gpu.is_ours())
                .cloned()
                .collect(),
            place: facts.place.clone(),
            kfd_hidden: facts.kfd_hidden.map(str::to_owned),
        }
    }
}

fn card(facts: &Facts, gpu: &Record) -> Card {
    let pages = &facts.pages;
    let address = gpu.find("gpu").unwrap_or(UNKNOWN);
    let heaps = pages.heaps.iter();
    let on_bus = facts.gpus.iter().find(|one| one.gpu == address);
    Card {
        card: gpu.into(),
        drm: on_bus.map(|one| one.drm.clone()).unwrap_or_default(),
        slot_link: on_bus.and_then(|one| one.slot_link.clone()),
        nodes: pages.nodes_of(address),
        heaps: heaps
            .filter(|heap| heap.find("gpu") == Some(address))
            .map(Heap::from)
            .collect(),
        lies: pages.rules_with(Some(address), "lie"),
        unknown: pages.rules_with(Some(address), "unknown"),
        unknown_cause: Cause::of(pages, address),
    }
}

fn only_in_kfd(pages: &Pages) -> Vec<OnlyInKfd> {
    let on_bus = |gpu: &str| pages.gpus.iter().any(|card| card.find("gpu") == Some(gpu));
    let addresses = pages.addresses().into_iter();
    let found = addresses.filter(|gpu| !on_bus(gpu)).map(|gpu| OnlyInKfd {
        gpu: (gpu != UNKNOWN).then(|| gpu.to_owned()),
        nodes: pages.nodes_of(gpu),
        verdict: pages.verdict_of(gpu).unwrap_or("unknown").to_owned(),
        lies: pages.rules_with(Some(gpu), "lie"),
        unknown: pages.rules_with(Some(gpu), "unknown"),
        unknown_cause: Cause::of(pages, gpu),
    });
    found.collect()
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
        gfx1010: fits(&process.libraries),
    }
}

fn fits(libraries: &Mapped) -> Option<bool> {
    let Mapped::Found(libraries) = libraries else {
        return None;
    };
    match judge(libraries).answer {
        Answer::Native => Some(true),
        Answer::OverrideOnly | Answer::NoCode => Some(false),
        Answer::Unknown | Answer::NothingFound => None,
    }
}

/// The document for one of the module's files.
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
    }
}

/// Serializes a document.
pub fn json(document: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}
