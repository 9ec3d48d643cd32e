// SPDX-License-Identifier: GPL-2.0

//! Rules: each compares one thing that KFD claims with what is true of the card.
//!
//! A rule is data and a small function, in a file of its own. To add one, write that file and name
//! it in [`RULES`].

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

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A node of the card as a whole. Such a rule concerns all its banks.
    Card,
    /// Each memory bank of the node.
    Bank,
}

/// A rule.
pub struct Rule {
    /// Its name, as in the files' `rule=` and `rules=`.
    pub name: &'static str,
    /// What it is about.
    pub scope: Scope,
    /// Whether it does nothing but compare with the function that the node stands for.
    pub needs_pci: bool,
    /// Judges; `None` if there is nothing to judge.
    pub judge: fn(&Evidence<'_>) -> Option<Judgement>,
}

/// All rules, in the order in which they are shown.
pub static RULES: [&Rule; 11] = [
    &gfx_version::RULE,
    &pci_identity::RULE,
    &bank_flags::RULE,
    &heap_type::RULE,
    &bank_count::RULE,
    &bank_size::RULE,
    &hive_id::RULE,
    &xgmi::RULE,
    &host_coherent::RULE,
    &link_coherent::RULE,
    &heap_bar::RULE,
];
