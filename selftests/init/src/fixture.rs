// SPDX-License-Identifier: GPL-2.0

//! The fixture modules that make the kernel's own KFD publish a Navi10.

use std::fs;

use anyhow::{bail, Context, Result};
use modproof_guest::modules::{self, Modules};
use modproof_guest::places;

use crate::report::Record;

/// One of the two fixture modules; both take the same commands.
#[derive(Debug, Clone, Copy)]
pub struct Fixture {
    name: &'static str,
}

/// Publishes the topology itself, from the kernel tree's own KFD source.
pub const TREE: Fixture = Fixture {
    name: "navi10_tree",
};
/// Publishes through the stock amdgpu.ko.
pub const STOCK: Fixture = Fixture {
    name: "navi10_stock",
};
/// Both.
pub const ALL: [Fixture; 2] = [TREE, STOCK];

impl Fixture {
    /// The module's name, which its messages bear.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Loads the fixture, with the cards to add at once (`words;words`) or none.
    pub fn load(self, modules: &Modules, cards: &str) -> Result<()> {
        // The kernel's parameter parser takes a value with blanks in double quotes.
        let parameters = if cards.is_empty() {
            String::new()
        } else {
            format!("cards=\"{cards}\"")
        };
        modules.load_own(self.name, &parameters)?;
        places::note(self.name)
    }

    /// Unloads the fixture, and all its cards with it.
    pub fn unload(self) -> Result<()> {
        modules::remove(self.name)
    }

    /// Whether the fixture is loaded.
    pub fn is_loaded(self) -> bool {
        modules::is_loaded(self.name)
    }

    /// Gives one command to the fixture.
    pub fn control(self, command: &str) -> Result<()> {
        let path = modules::parameter(self.name, "ctl");
        fs::write(&path, command)
            .with_context(|| format!("write {command:?} to {}", path.display()))
    }

    /// Adds a card and tells what it is.
    pub fn add(self, slot: u32, words: &str) -> Result<Card> {
        self.control(&format!("add slot={slot} {words}"))?;
        self.card(slot)
    }

    /// Removes a card.
    pub fn remove(self, slot: u32) -> Result<()> {
        self.control(&format!("remove slot={slot}"))
    }

    /// Rewrites a live property of a card's node.
    pub fn set(self, slot: u32, property: &str) -> Result<()> {
        self.control(&format!("set slot={slot} {property}"))
    }

    /// The card in a slot, as the fixture tells it.
    pub fn card(self, slot: u32) -> Result<Card> {
        // The file holds one page, beginning with this slot's card.
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

/// A card of the fixture.
#[derive(Debug, Clone)]
pub struct Card {
    record: Record,
}

impl Card {
    /// The PCI address.
    pub fn gpu(&self) -> &str {
        self.record.get("gpu").unwrap_or("?")
    }

    /// The number of the KFD node.
    pub fn node(&self) -> &str {
        self.record.get("node").unwrap_or("?")
    }

    /// Any other word of the fixture's state line.
    pub fn get(&self, key: &str) -> Result<&str> {
        self.record.get(key).context("the fixture's state")
    }
}
