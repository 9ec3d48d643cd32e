// SPDX-License-Identifier: GPL-2.0

//! One record: `key=value` pairs on a line.

use core::fmt::{
    self,
    Display,
    Write, //
};

use crate::facts::{
    node::Node,
    snapshot::Card, //
};

/// Writes the first line of a file.
pub(super) fn heading(out: &mut dyn Write, file: &str) -> fmt::Result {
    writeln!(out, "# rdna1 {file} v1")
}

/// A key and its value, which must not print a blank or a quote.
pub(super) type Pair<'a> = (&'static str, &'a dyn Display);

/// Writes a record about a card.
#[inline(never)] // All records are made here: what is left of each is a table.
pub(super) fn record(out: &mut dyn Write, card: &Card, pairs: &[Pair<'_>]) -> fmt::Result {
    write!(out, "gpu={}", Known(card.address))?;
    for (key, value) in pairs {
        write!(out, " {key}={value}")?;
    }
    out.write_char('\n')
}

/// A value that may not be known: `?` then.
pub(super) struct Known<T>(pub(super) Option<T>);

impl<T: Display> Display for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("?"),
        }
    }
}

/// A flag: `1` or `0`, or `?` if it is not known.
pub(super) fn flag(set: Option<bool>) -> Known<u8> {
    Known(set.map(u8::from))
}

/// The number of a node, or `?`.
pub(super) fn node_number(node: Option<&Node>) -> Known<u32> {
    Known(node.and_then(|node| node.number))
}
