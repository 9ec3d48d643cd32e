// SPDX-License-Identifier: GPL-2.0

//! A machine of fixture devices. After each change of a device, it checks everything that the
//! module reports.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::modules::Modules;
use modproof_guest::uevents::Uevents;
use nix::libc;

use super::judge;
use super::model::{word, Device, Placed};
use super::suspend;
use super::table::{EACH, LAST};
use crate::fixture::TREE;
use crate::guard;
use crate::kfd;
use crate::truth::View;

/// The devices by slot, and the changes since the machine was empty.
pub struct Machine {
    devices: BTreeMap<u32, Placed>,
    modules: Modules,
    ear: Uevents,
    history: Vec<String>,
    /// Facts for the report that are not failures.
    pub notes: Vec<String>,
}

impl Machine {
    /// A machine without devices; the module and the fixture must be loaded.
    pub fn empty(modules: &Modules) -> Result<Self> {
        Ok(Self {
            devices: BTreeMap::new(),
            modules: modules.clone(),
            ear: Uevents::from_now()?,
            history: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// The devices by slot.
    pub fn devices(&self) -> impl Iterator<Item = (u32, &Placed)> {
        self.devices.iter().map(|(slot, placed)| (*slot, placed))
    }

    /// Adds a device, then checks the module's report.
    pub fn add(&mut self, slot: u32, words: &str) -> Result<()> {
        self.judged(format!("add slot={slot} {words}"), |machine| {
            let refuses = kfd_refuses(words, kfd::nodes()?.len());
            let added = TREE.add(slot, words);
            let (card, words) = match added {
                Ok(_) if refuses => bail!("KFD took a card whose NUMA node it does not have"),
                Err(error) if refuses && is_enodev(&error) => {
                    // amdgpu still binds to such a card.
                    machine.note("KFD refuses a card: it has no node of the card's NUMA number");
                    let words = format!("{words} kfd=0 driver=1");
                    (TREE.add(slot, &words)?, words)
                }
                added => (added?, words.to_owned()),
            };
            let placed = Placed {
                device: Device::added(&words),
                gpu: card.gpu().to_owned(),
            };
            machine.devices.insert(slot, placed);
            Ok(())
        })
    }

    /// Applies a step to a device, then checks the module's report.
    pub fn step(&mut self, slot: u32, step: &str) -> Result<()> {
        match step {
            "reload" => return self.reload(),
            "suspend" => return self.judged(step.to_owned(), |_| suspend::now()),
            _ => {}
        }
        self.judged(format!("{step} (slot {slot})"), |machine| {
            if step == "remove" {
                machine.devices.remove(&slot).context("no such device")?;
                return TREE.remove(slot);
            }
            let placed = machine.devices.get_mut(&slot).context("no such device")?;
            placed.device.take(step)?;
            let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
            match verb {
                "resize" => {
                    let path = format!("/sys/bus/pci/devices/{}/resource0_resize", placed.gpu);
                    fs::write(&path, rest).with_context(|| format!("write {rest} to {path}"))
                }
                _ => TREE.control(&format!("{verb} slot={slot} {rest}")),
            }
        })
    }

    /// Reloads the module, then checks its report.
    pub fn reload(&mut self) -> Result<()> {
        self.judged("reload".to_owned(), |machine| {
            guard::unload()?;
            guard::load(&machine.modules)
        })
    }

    /// Removes the devices one by one, and checks the report each time.
    pub fn remove_all(&mut self) -> Result<()> {
        while let Some(slot) = self.devices.keys().next().copied() {
            self.step(slot, "remove")?;
        }
        guard::expect_header_only()
    }

    /// Adds a note unless the same note is already there.
    pub fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|note| note == text) {
            self.notes.push(text.to_owned());
        }
    }

    fn judged(&mut self, what: String, change: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.history.push(what);
        let done = change(self).and_then(|()| self.expect_honest());
        done.with_context(|| format!("after: {}", self.history.join("; ")))
    }

    fn expect_honest(&mut self) -> Result<()> {
        let view = View::read()?;
        let placed: Vec<_> = self.devices.values().collect();
        let notes = judge::expect_honest(&view, &placed)?;
        for note in notes {
            self.note(&note);
        }
        let mut events = self.ear.new_of(guard::DEVPATH)?;
        events.retain(|event| event.contains_key("RDNA1_VERDICT"));
        ensure!(
            events.is_empty(),
            "expected no uevent of a verdict, seen {events:?}"
        );
        let lies = guard::counters()?.sum(&["lie"]);
        ensure!(lies == 0, "expected no lie counted, seen {lies}");
        Ok(())
    }
}

/// Replaces `EACH` and `LAST` in the words of devices by this machine's NUMA node numbers.
pub fn expand(devices: &[&str]) -> Result<Vec<String>> {
    let online = online_nodes()?;
    let last = online.last().context("no NUMA node is online")?;
    let mut expanded = Vec::new();
    for words in devices {
        if words.contains(EACH) {
            let each = online
                .iter()
                .map(|n| words.replace(EACH, &format!("numa={n}")));
            expanded.extend(each);
        } else {
            expanded.push(words.replace(LAST, &format!("numa={last}")));
        }
    }
    Ok(expanded)
}

/// The numbers of the online NUMA nodes; 0 on a machine without NUMA.
pub fn online_nodes() -> Result<Vec<u32>> {
    const ONLINE: &str = "/sys/devices/system/node/online";
    let text = fs::read_to_string(ONLINE).with_context(|| format!("read {ONLINE}"))?;
    ranges(text.trim()).with_context(|| format!("{ONLINE} holds {text:?}"))
}

/// Parses a list such as `0-1,3`.
fn ranges(text: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        numbers.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(numbers)
}

/// Whether KFD refuses to add a card: `kfd_parse_subtype_iolink()` takes the card's NUMA number for
/// a node number when it links a large BAR or XGMI both ways.
fn kfd_refuses(words: &str, nodes: usize) -> bool {
    let comes = word(words, "kfd") != Some("0");
    let numa = word(words, "numa").and_then(|numa| numa.parse().ok());
    let xgmi = word(words, "board") == Some("mi250a");
    let both_ways = xgmi || word(words, "bar").is_none_or(|bar| bar == "large");
    comes && both_ways && numa.is_some_and(|numa: usize| numa >= nodes)
}

fn is_enodev(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.and_then(io::Error::raw_os_error) == Some(libc::ENODEV)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_numbers() {
        assert_eq!(ranges("0"), Some(vec![0]));
        assert_eq!(ranges("0-1,3"), Some(vec![0, 1, 3]));
        assert_eq!(ranges(""), None);
    }

    #[test]
    fn kfd_refuses_a_large_bar_behind_a_node_that_it_does_not_have() {
        assert!(kfd_refuses("numa=1", 1));
        assert!(kfd_refuses("bar=large numa=2", 2));
        assert!(kfd_refuses("board=mi250a bar=small numa=1", 1));
        for words in [
            "",
            "numa=0",
            "bar=small numa=1",
            "bar=partial numa=7",
            "bar=large numa=1 kfd=0 driver=1",
        ] {
            assert!(!kfd_refuses(words, 1), "{words}");
        }
    }
}
