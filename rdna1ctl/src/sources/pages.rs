// SPDX-License-Identifier: GPL-2.0

//! The module's files. Without the module, the same core writes the same text from KFD's sysfs.

use std::io;

use anyhow::{bail, Context, Result};
use rdna1_kfd_guard::facts::card::Presence;
use rdna1_kfd_guard::facts::snapshot::Snapshot;
use rdna1_kfd_guard::facts::tally::Tally;
use rdna1_kfd_guard::host::{doubts, LivePci, LiveTopology};
use rdna1_kfd_guard::observe::observe;
use rdna1_kfd_guard::text;
use rdna1_records::{records, Counters, Record, MAX_BYTES};
use schemars::JsonSchema;
use serde::Serialize;

use crate::root::Root;

use super::module::{Debugfs, Module};

/// The author of the records: the module, or this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The module's files.
    Module,
    /// KFD's sysfs, judged by the module's code in this program.
    KfdSysfs,
}

/// The source of the records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Origin {
    /// Their author.
    pub source: Source,
    /// Why the module is not the author; null if it is.
    pub why: Option<String>,
    /// Facts that could not be read, and facts that root could read.
    pub notes: Vec<String>,
}

/// The verdicts, worst first.
pub const VERDICTS: [&str; 4] = ["lie", "unknown", "truth", "unjudged"];

/// The contents of the files.
pub struct Pages {
    /// Their source.
    pub origin: Origin,
    /// The records of `gpus`.
    pub gpus: Vec<Record>,
    /// The records of `heaps`.
    pub heaps: Vec<Record>,
    /// The records of `flags`.
    pub flags: Vec<Record>,
    /// The records of `checks`.
    pub checks: Vec<Record>,
    /// `counters`; only the module writes them.
    pub counters: Option<Counters>,
    /// The text of each file, by its name.
    pub texts: Vec<(&'static str, String)>,
}

/// The files that the core can write without the module.
const JUDGED: [&str; 4] = ["gpus", "heaps", "flags", "checks"];

impl Pages {
    /// Reads the module's files, or else KFD's sysfs.
    pub fn read(root: &Root, module: &Module) -> Result<Self> {
        let why = match module.folder() {
            _ if !module.loaded => "the module rdna1_kfd_guard is not loaded".to_owned(),
            Some(folder) => match file(root, &folder, "gpus") {
                Ok(_) => return Self::of_module(root, &folder),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    "the module is loaded, but only root may read its files".to_owned()
                }
                Err(error) => format!("the module is loaded, but {folder}/gpus: {error}"),
            },
            None => match &module.debugfs {
                Debugfs::Off(why) => format!("the module is loaded, but has no files: {why}"),
                _ => "the module is loaded, but debugfs is not mounted".to_owned(),
            },
        };
        Self::of_kfd(root, why)
    }

    fn of_module(root: &Root, folder: &str) -> Result<Self> {
        let mut texts = Vec::new();
        for name in JUDGED.into_iter().chain(["counters"]) {
            match file(root, folder, name) {
                Ok(text) => texts.push((name, text)),
                Err(error) => bail!("cannot read {folder}/{name}: {error}"),
            }
        }
        let origin = Origin {
            source: Source::Module,
            why: None,
            notes: Vec::new(),
        };
        Self::parse(origin, texts).context(
            "this rdna1ctl does not know the form of the module's files: install the rdna1ctl that \
             came with the module",
        )
    }

    fn of_kfd(root: &Root, why: String) -> Result<Self> {
        let mut tally = Tally::default();
        let mut topology = LiveTopology::new(root.folder());
        let mut pci = LivePci::open(root.folder());
        let snapshot: Snapshot = observe(&mut topology, pci.as_mut(), &mut tally)
            .ok()
            .context("out of memory")?;
        let page = |write: fn(&Snapshot, &mut dyn std::fmt::Write) -> std::fmt::Result| {
            let mut page = String::new();
            write(&snapshot, &mut page).map(|()| page)
        };
        let texts = vec![
            ("gpus", page(text::gpus)?),
            ("heaps", page(text::heaps)?),
            ("flags", page(text::flags)?),
            ("checks", page(text::checks)?),
        ];
        let origin = Origin {
            source: Source::KfdSysfs,
            why: Some(why),
            notes: notes(&snapshot, &tally),
        };
        let mut pages = Self::parse(origin, texts)?;
        // Even root cannot read the atomics of a sleeping card.
        let unknown = |gpu: &Record| {
            gpu.find("atomics") == Some("unknown") && gpu.find("power") != Some("asleep")
        };
        if pages.gpus.iter().any(unknown) && !super::is_root(root) {
            let note = "only root can read whether PCIe atomics get through";
            pages.origin.notes.push(note.to_owned());
        }
        Ok(pages)
    }

    fn parse(mut origin: Origin, texts: Vec<(&'static str, String)>) -> Result<Self> {
        let text = |name| {
            let found = texts.iter().find(|(other, _)| *other == name);
            found.map(|(_, text)| text.as_str())
        };
        let judged = |name| records(name, text(name).unwrap_or_default());
        // No verdict depends on counters: show the rest without them.
        let counters = text("counters").map(Counters::parse).transpose();
        let error = counters.as_ref().err();
        origin.notes.extend(error.map(|error| format!("{error:#}")));
        Ok(Self {
            gpus: judged("gpus")?,
            heaps: judged("heaps")?,
            flags: judged("flags")?,
            checks: judged("checks")?,
            counters: counters.ok().flatten(),
            origin,
            texts,
        })
    }

    /// The worst verdict of all cards, if there are any: one of [`VERDICTS`].
    pub fn verdict(&self) -> Option<&'static str> {
        worst(self.gpus.iter().chain(&self.flags))
    }

    /// The worst verdict of the cards at that address.
    pub fn verdict_of(&self, gpu: &str) -> Option<&'static str> {
        let cards = self.gpus.iter().chain(&self.flags);
        worst(cards.filter(|card| card.find("gpu") == Some(gpu)))
    }

    /// The cards that KFD lists but that are not on the PCI bus: their records of `flags`.
    pub fn only_in_kfd(&self) -> impl Iterator<Item = &Record> {
        let on_bus = |card: &Record| {
            let mut gpus = self.gpus.iter();
            gpus.any(|gpu| gpu.find("gpu") == card.find("gpu"))
        };
        self.flags.iter().filter(move |card| !on_bus(card))
    }

    /// The addresses of all cards, each once: those on the PCI bus, then those that only KFD lists.
    /// `?` stands for the cards whose address is unknown.
    pub fn addresses(&self) -> Vec<&str> {
        let cards = self.gpus.iter().chain(self.only_in_kfd());
        let mut addresses = Vec::new();
        for address in cards.filter_map(|card| card.find("gpu")) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }

    /// The numbers of KFD's nodes for the card at that address. Records of `gpus` and `flags` name
    /// only one node of a card.
    pub fn nodes_of(&self, gpu: &str) -> Vec<u32> {
        self.nodes(|record| record.find("gpu") == Some(gpu))
    }

    /// The numbers of KFD's nodes for all cards.
    pub fn all_nodes(&self) -> Vec<u32> {
        self.nodes(|_| true)
    }

    fn nodes(&self, is_wanted: impl Fn(&Record) -> bool) -> Vec<u32> {
        let pages = [&self.gpus, &self.flags, &self.heaps, &self.checks];
        let records = pages.into_iter().flatten().filter(|one| is_wanted(one));
        let mut nodes: Vec<_> = records
            .filter_map(|record| record.find("node")?.parse().ok())
            .collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// The records of `checks` with that verdict, of the card at that address or of all cards.
    pub fn checks_with<'a>(
        &'a self,
        gpu: Option<&'a str>,
        verdict: &'a str,
    ) -> impl Iterator<Item = &'a Record> {
        self.checks.iter().filter(move |check| {
            check.find("verdict") == Some(verdict)
                && gpu.is_none_or(|gpu| check.find("gpu") == Some(gpu))
        })
    }

    /// The names of the rules in the records of [`Pages::checks_with`], each once.
    pub fn rules_with(&self, gpu: Option<&str>, verdict: &str) -> Vec<String> {
        let mut rules: Vec<String> = Vec::new();
        for rule in self
            .checks_with(gpu, verdict)
            .filter_map(|check| check.find("rule"))
        {
            if !rules.iter().any(|other| other == rule) {
                rules.push(rule.to_owned());
            }
        }
        rules
    }
}

fn worst<'a>(cards: impl Iterator<Item = &'a Record>) -> Option<&'static str> {
    let verdicts: Vec<_> = cards.filter_map(|card| card.find("verdict")).collect();
    let worst = VERDICTS
        .into_iter()
        .find(|verdict| verdicts.contains(verdict));
    // A newer module may have other verdicts.
    worst.or((!verdicts.is_empty()).then_some("unknown"))
}

fn file(root: &Root, folder: &str, name: &str) -> io::Result<String> {
    let bytes = root.bytes(format!("{folder}/{name}"))?;
    if bytes.len() > MAX_BYTES {
        return Err(io::Error::other("the file is too long to be the module's"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("the file is not text"))
}

fn notes(snapshot: &Snapshot, tally: &Tally) -> Vec<String> {
    let mut notes = Vec::new();
    if snapshot.kfd == Presence::Absent {
        let note =
            "/sys/class/kfd is not there: amdgpu is not loaded, or was built without KFD, or a \
             container hides it";
        notes.push(note.to_owned());
    }
    notes.extend(doubts(snapshot));
    if tally.errors_denied != 0 {
        notes.push(format!(
            "KFD refused {} reads: a devices cgroup denies this reader the card's render node. Read \
             from outside the container",
            tally.errors_denied
        ));
    }
    notes
}
