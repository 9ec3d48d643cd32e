// SPDX-License-Identifier: GPL-2.0

//! One record: `key=value` pairs on a line.

use core::fmt::{
    self,
    Display,
    Write, //
};

use crate::facts::snapshot::Card;

/// Writes the first line of a file.
pub(super) fn heading(out: &mut impl Write, file: &str) -> fmt::Result {
    writeln!(out, "# rdna1 {file} v1")
}

/// A record that is being written.
pub(super) struct Record<'a, W: Write> {
    out: &'a mut W,
    empty: bool,
}

impl<'a, W: Write> Record<'a, W> {
    /// Starts a record on a new line.
    pub(super) fn new(out: &'a mut W) -> Self {
        Self { out, empty: true }
    }

    /// Starts a record with the keys that say which card it is about.
    pub(super) fn of_card(out: &'a mut W, card: &Card) -> Result<Self, fmt::Error> {
        Self::new(out).pair("gpu", Known(card.address()))
    }

    /// Adds a pair. `value` must not print a blank or a quote.
    pub(super) fn pair(mut self, key: &str, value: impl Display) -> Result<Self, fmt::Error> {
        if !core::mem::replace(&mut self.empty, false) {
            self.out.write_char(' ')?;
        }
        write!(self.out, "{key}={value}")?;
        Ok(self)
    }

    /// Adds a pair without a value, for one that [`Self::out`] writes.
    pub(super) fn open(self, key: &str) -> Result<Self, fmt::Error> {
        self.pair(key, "")
    }

    /// Where the record is written.
    pub(super) fn out(&mut self) -> &mut W {
        self.out
    }

    /// Ends the record.
    pub(super) fn end(self) -> fmt::Result {
        self.out.write_char('\n')
    }
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

/// The number of a card's node, or `?`.
pub(super) fn node_number(card: &Card) -> Known<u32> {
    Known(card.node.map(|node| node.number))
}
