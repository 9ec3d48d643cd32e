// SPDX-License-Identifier: GPL-2.0

//! The input and the output of a rule.

use core::fmt;

use crate::facts::prelude::*;

use super::{
    heap::Heap,
    judge::Verdict, //
};

/// The facts that a rule may use.
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

/// The output of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The true value for the card.
    pub expected: Shown,
    /// KFD's claim.
    pub observed: Shown,
    /// Whether the two agree.
    pub verdict: Verdict,
}

impl Judgement {
    /// Judges `observed`: unknown if unreadable, truth if `agrees` returns true, else a lie.
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

/// A value for `expected=` and `observed=`, without blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A number in decimal.
    Number(Value),
    /// A decimal number after a label.
    Labelled(&'static str, Value),
    /// Two labelled numbers.
    Both((&'static str, Value), (&'static str, Value)),
    /// A number in hexadecimal.
    Hex(Value),
    /// Vendor and device.
    Ids(Value, Value),
    /// Fixed text.
    Words(&'static str),
    /// The type of a heap.
    Heap(Value),
    /// The type of a heap, and its size in bytes.
    HeapOf(Value, Value),
}

impl Shown {
    /// A known number in decimal.
    pub const fn number(number: u64) -> Self {
        Self::Number(Value::Known(number))
    }

    /// A known number in hexadecimal.
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
