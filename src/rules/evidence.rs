// SPDX-License-Identifier: GPL-2.0

//! What a rule is given, and what it answers.

use core::fmt;

use crate::facts::prelude::*;

use super::{
    heap::Heap,
    judge::Verdict, //
};

/// What a rule may look at.
pub struct Evidence<'a> {
    /// The node.
    pub node: &'a Node,
    /// The bank, for a rule about banks.
    pub bank: &'a BankProperties,
    /// The function at the node's address.
    pub function: Option<&'a Function>,
    /// Whether the PCI core was asked.
    pub pci_known: bool,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is true of the card.
    pub expected: Shown,
    /// What KFD claims.
    pub observed: Shown,
    /// Whether the two agree.
    pub verdict: Verdict,
}

impl Judgement {
    /// Judges `observed`: unknown if it could not be read, a lie if `agrees` says so.
    pub fn of(
        expected: Shown,
        observed: Value,
        shown: fn(Value) -> Shown,
        agrees: impl FnOnce(u64) -> bool,
    ) -> Self {
        Self {
            expected,
            observed: shown(observed),
            verdict: observed.known().map_or(Verdict::Unknown, |observed| {
                Verdict::truth_if(agrees(observed))
            }),
        }
    }
}

/// A value as shown in `expected=` and `observed=`: without blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A number in decimal.
    Number(Value),
    /// A number in decimal behind words.
    Labelled(&'static str, Value),
    /// Two of them.
    Both((&'static str, Value), (&'static str, Value)),
    /// A number in hexadecimal.
    Hex(Value),
    /// Vendor and device.
    Ids(Value, Value),
    /// Words.
    Words(&'static str),
    /// The type of a heap.
    Heap(Value),
    /// The type of a heap, and its size in bytes.
    HeapOf(Value, Value),
}

impl Shown {
    /// The number, in decimal.
    pub const fn number(number: u64) -> Self {
        Self::Number(Value::Known(number))
    }

    /// The number, in hexadecimal.
    pub const fn hex(number: u64) -> Self {
        Self::Hex(Value::Known(number))
    }

    /// The vendor and device.
    pub fn id(id: Id) -> Self {
        Self::Ids(
            Value::Known(id.vendor.into()),
            Value::Known(id.device.into()),
        )
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Number(value) => value.fmt(f),
            Self::Labelled(label, value) => {
                f.write_str(label)?;
                value.fmt(f)
            }
            Self::Both((label, value), (other_label, other)) => {
                Self::Labelled(label, value).fmt(f)?;
                Self::Labelled(other_label, other).fmt(f)
            }
            Self::Hex(value) => value.hex().fmt(f),
            Self::Ids(vendor, device) => {
                vendor.hex().fmt(f)?;
                f.write_str(":")?;
                device.hex().fmt(f)
            }
            Self::Words(words) => f.write_str(words),
            Self::Heap(heap) => Heap(heap).fmt(f),
            Self::HeapOf(heap, bytes) => {
                Heap(heap).fmt(f)?;
                Self::Labelled(":", bytes).fmt(f)
            }
        }
    }
}
