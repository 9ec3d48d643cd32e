// SPDX-License-Identifier: GPL-2.0

//! Rules: each compares one of KFD's claims with the hardware.
//!
//! A rule is a small function in a file of its own, and a line of [`RULES`].

mod bank_count;
mod bank_flags;
mod bank_size;
mod gfx_version;
mod heap;
mod heap_bar;
mod heap_type;
mod hive_id;
mod host_coherent;
mod link_coherent;
mod pci_identity;
mod xgmi;

mod evidence;
mod judge;

use crate::{
    facts::{
        node::Basis,
        value::Value, //
    },
    uapi, //
};

pub use self::{
    evidence::{
        Evidence,
        Judgement,
        Shown, //
    },
    gfx_version::GFX1010,
    heap::Heap,
    judge::{
        card_verdict,
        findings,
        verdict,
        worst_node,
        About,
        Finding,
        RuleNames,
        Verdict, //
    }, //
};

/// The subject of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A node of the card as a whole. Such a rule also concerns each of its banks.
    Card,
    /// Each memory bank of the node.
    Bank,
}

/// Judges the evidence; `None` if there is nothing to judge.
type Judge = fn(&Evidence<'_>) -> Option<Judgement>;

/// A rule, with its name in the files.
pub struct Rule {
    /// The value of `rule=` and `rules=` in the files.
    pub name: &'static str,
    /// The subject of the rule.
    pub scope: Scope,
    /// Whether the rule only compares the node with its PCI function.
    pub needs_pci: bool,
    judge: Judge,
}

impl Rule {
    const fn card(name: &'static str, judge: Judge) -> Self {
        Self {
            name,
            scope: Scope::Card,
            needs_pci: false,
            judge,
        }
    }

    const fn bank(name: &'static str, judge: Judge) -> Self {
        Self {
            scope: Scope::Bank,
            ..Self::card(name, judge)
        }
    }

    const fn needing_pci(self) -> Self {
        Self {
            needs_pci: true,
            ..self
        }
    }
}

/// All rules, in the order in which they are shown.
pub static RULES: [Rule; 11] = [
    Rule::card("gfx-version", gfx_version::judge),
    Rule::card("pci-identity", pci_identity::judge).needing_pci(),
    Rule::bank("bank-flags", bank_flags::judge),
    Rule::bank("heap-type", heap_type::judge),
    Rule::card("bank-count", bank_count::judge),
    Rule::bank("bank-size", bank_size::judge),
    Rule::card("hive-id", hive_id::judge),
    Rule::card("xgmi", xgmi::judge),
    Rule::card("host-coherent", host_coherent::judge),
    Rule::card("link-coherent", link_coherent::judge),
    Rule::bank("heap-bar", heap_bar::judge).needing_pci(),
];
