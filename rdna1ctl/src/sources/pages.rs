// SPDX-License-Identifier: GPL-2.0

//! The files of the module; without it, the same text by the same core over KFD's sysfs.

use std::io;

use anyhow::{bail, Context, Result};
use rdna1_kfd_guard::facts::snapshot::{Presence, Snapshot};
use rdna1_kfd_guard::facts::tally::Tally;
use rdna1_kfd_guard::host::{doubts, Host, LivePci, LiveTopology};
use rdna1_kfd_guard::observe::observe;
use rdna1_kfd_guard::text;
use rdna1_records::{records, Counters, Record, MAX_BYTES};
use schemars::JsonSchema;
use serde::Serialize;

use crate::root::Root;

use super::module::{Debugfs, Module};

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The module's files.
    Module,
    /// KFD's sysfs, judged by the module's code in this program.
    KfdSysfs,
}

/// Where the records come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Origin {
    /// Who said it.
    pub source: Source,
    /// Why it was not the module.
    pub why: Option<String>,
    /// What could not be read, and what root would see.
    pub notes: Vec<String>,
}

/// What the files hold.
pub struct Pages {
    /// Where it comes from.
    pub origin: Origin,
    /// The records of `gpus`.
    pub gpus: Vec<Record>,
    /// The records of `heaps`.
    pub heaps: Vec<Record>,
    /// The records of `flags`.
    pub flags: Vec<Record>,
    /// The records of `checks`.
    pub checks: Vec<Record>,
    /// `counters`: only the module has them.
    pub counters: Option<Counters>,
    /// The records of `requests`: only the module has them, and only if it was told to.
    pub requests: Option<Vec<Record>>,
    /// The text of each file, by its name.
    pub texts: Vec<(&'static str, String)>,
}

/// The files that the core can write, too.
const JUDGED: [&str; 4] = ["gpus", "heaps", "flags", "checks"];

impl Pages {
    /// Reads the module's files, or looks by itself.
    pub fn read(root: &Root, module: &Module) -> Result<Self> {
        let why = match module.folder() {
            _ if !module.loaded => "the module rdna1_kfd_guard is not loaded".to_owned(),
            Some(folder) => match file(root, &folder, "gpus") {
                Ok(_) => return Self::of_module(root, &folder),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    "the module is loaded, but root alone may read its files".to_owned()
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
        for name in JUDGED.into_iter().chain(["counters", "requests"]) {
            match file(root, folder, name) {
                Ok(text) => texts.push((name, text)),
                Err(error) if name == "requests" && error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => bail!("cannot read {folder}/{name}: {error}"),
            }
        }
        let origin = Origin {
            source: Source::Module,
            why: None,
            notes: Vec::new(),
        };
        Self::parse(origin, texts).context(
            "the module's files are not in the form that this rdna1ctl knows: install the \
             rdna1ctl that came with the module",
        )
    }

    fn of_kfd(root: &Root, why: String) -> Result<Self> {
        let mut tally = Tally::default();
        let mut topology = LiveTopology::new(root.folder());
        let mut pci = LivePci::open(root.folder());
        let snapshot: Snapshot<Host> = observe(&mut topology, pci.as_mut(), &mut tally)
            .ok()
            .context("out of memory")?;
        let page = |write: fn(&Snapshot<Host>, &mut dyn std::fmt::Write) -> std::fmt::Result| {
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
        let unknown = |gpu: &Record| gpu.find("atomics") == Some("unknown");
        if pages.gpus.iter().any(unknown) && !super::is_root(root) {
            let note = "whether PCIe atomics get through can be read by root alone";
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
        // What is counted is of no weight for the verdicts: without it the rest can be told.
        let counters = text("counters").map(Counters::parse).transpose();
        let requests = text("requests").map(|text| records("requests", text));
        let requests = requests.transpose();
        for error in [counters.as_ref().err(), requests.as_ref().err()] {
            origin.notes.extend(error.map(|error| format!("{error:#}")));
        }
        Ok(Self {
            gpus: judged("gpus")?,
            heaps: judged("heaps")?,
            flags: judged("flags")?,
            checks: judged("checks")?,
            counters: counters.ok().flatten(),
            requests: requests.ok().flatten(),
            origin,
            texts,
        })
    }

    /// The worst verdict of all cards, if there are any: lie, unknown or truth. Those that only KFD
    /// knows, and the bus does not, are among `flags`.
    pub fn verdict(&self) -> Option<&str> {
        let cards = self.gpus.iter().chain(&self.flags);
        let verdicts: Vec<_> = cards.filter_map(|card| card.find("verdict")).collect();
        let worst = ["lie", "unknown", "truth"]
            .into_iter()
            .find(|verdict| verdicts.contains(verdict));
        // A word of a newer module is not known to us.
        worst.or((!verdicts.is_empty()).then_some("unknown"))
    }
}

fn file(root: &Root, folder: &str, name: &str) -> io::Result<String> {
    let bytes = root.bytes(format!("{folder}/{name}"))?;
    if bytes.len() > MAX_BYTES {
        return Err(io::Error::other("the file is too long to be the module's"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("the file is not text"))
}

fn notes(snapshot: &Snapshot<Host>, tally: &Tally) -> Vec<String> {
    let mut notes = Vec::new();
    if snapshot.kfd == Presence::Absent {
        let note =
            "there is no KFD (/sys/class/kfd): amdgpu is not loaded, or was built without it";
        notes.push(note.to_owned());
    }
    notes.extend(doubts(snapshot));
    if tally.errors_denied != 0 {
        notes.push(format!(
            "KFD refused {} reads: a devices cgroup forbids the card's render node to this reader. \
             Read from outside the container",
            tally.errors_denied
        ));
    }
    notes
}
