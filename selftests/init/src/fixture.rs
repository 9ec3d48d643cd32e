// SPDX-License-Identifier: GPL-2.0

//! Controls the fixture modules, which make the kernel's own KFD publish virtual Navi10 cards.

use std::fs;

use anyhow::{bail, Context, Result};
use modproof_guest::modules::{self, Modules};
use modproof_guest::places;

use crate::report::Record;

/// A fixture module; both modules take the same commands.
#[derive(Debug, Clone, Copy)]
pub struct Fixture {
    name: &'static str,
}

/// Builds KFD from the kernel tree's source and publishes the topology itself.
pub const TREE: Fixture = Fixture {
    name: "navi10_tree",
};
/// Publishes cards through the stock amdgpu.ko.
pub const STOCK: Fixture = Fixture {
    name: "navi10_stock",
};
/// Both fixture modules.
pub const ALL: [Fixture; 2] = [TREE, STOCK];

impl Fixture {
    /// The module's name, which also prefixes its log messages.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Loads the fixture with cards, each the words of `add`, separated by `;`. Empty adds no card.
    pub fn load(self, modules: &Modules, cards: &str) -> Result<()> {
        // The kernel's parser needs double quotes around a value with spaces.
        let parameters = if cards.is_empty() {
            String::new()
        } else {
            format!("cards=\"{cards}\"")
        };
        modules.load_own(self.name, &parameters)?;
        places::note(self.name)
    }

    /// Unloads the fixture and all its cards.
    pub fn unload(self) -> Result<()> {
        modules::remove(self.name)
    }

    /// Whether the fixture is loaded.
    pub fn is_loaded(self) -> bool {
        modules::is_loaded(self.name)
    }

    /// Writes one command to the fixture.
    pub fn control(self, command: &str) -> Result<()> {
        let path = modules::parameter(self.name, "ctl");
        fs::write(&path, command)
            .with_context(|| format!("write {command:?} to {}", path.display()))
    }

    /// Adds a card and returns its state.
    pub fn add(self, slot: u32, words: &str) -> Result<Card> {
        self.control(&format!("add slot={slot} {words}"))?;
        self.card(slot)
    }

    /// Removes a card.
    pub fn remove(self, slot: u32) -> Result<()> {
        self.control(&format!("remove slot={slot}"))
    }

    /// Changes a live property of a card's KFD node.
    pub fn set(self, slot: u32, property: &str) -> Result<()> {
        self.control(&format!("set slot={slot} {property}"))
    }

    /// Reads the state of the card in a slot.
    pub fn card(self, slot: u32) -> Result<Card> {
        // The state file shows one page of cards; `view` makes it begin with this slot.
        self.control(&format!("view slot={slot}"))?;
        let path = modules::parameter(self.name, "state");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        for line in text.lines() {
            let record = Record::parse(line).context("the fixture's state")?;
            if record.get("slot")? == slot.to_string() {
                return Ok(Card { record });
            }
        }
        bail!("the fixture's state has no slot={slot}:\n{text}");
    }
}

/// The state of a card, as the fixture reports it.
#[derive(Debug, Clone)]
pub struct Card {
    record: Record,
}

impl Card {
    /// The card's PCI address.
    pub fn gpu(&self) -> &str {
        self.record.get("gpu").unwrap_or("?")
    }

    /// The number of the card's KFD node.
    pub fn node(&self) -> &str {
        self.record.get("node").unwrap_or("?")
    }

    /// Any other value of the fixture's state line.
    pub fn get(&self, key: &str) -> Result<&str> {
        self.record.get(key).context("the fixture's state")
    }
}
