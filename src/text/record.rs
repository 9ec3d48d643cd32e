// SPDX-License-Identifier: GPL-2.0

//! Writes records: a line of `key=value` pairs each.

use core::fmt::{
    self,
    Display,
    Write, //
};

use crate::facts::prelude::*;

/// Writes the first line of a file.
#[inline(never)] // One copy keeps the module small, here and below.
pub(super) fn heading(out: &mut dyn Write, file: &str) -> fmt::Result {
    writeln!(out, "# rdna1 {file} v1")
}

/// A record about a card while it is being written. Values must not print a blank or a quote.
pub(super) struct Record<'a> {
    out: &'a mut dyn Write,
    result: fmt::Result,
}

impl<'a> Record<'a> {
    #[inline(never)]
    pub(super) fn of(card: &Card, out: &'a mut dyn Write) -> Self {
        let result = write!(out, "gpu={}", Known(card.address));
        Self { out, result }
    }

    /// Adds a pair. A value that is unknown prints `?`.
    #[inline(never)]
    pub(super) fn show(&mut self, key: &str, value: &dyn Display) {
        if self.result.is_ok() {
            self.result = write!(self.out, " {key}={value}");
        }
    }

    #[inline(never)]
    pub(super) fn word(&mut self, key: &str, word: &str) {
        self.show(key, &word);
    }

    #[inline(never)]
    pub(super) fn number(&mut self, key: &str, number: Value) {
        self.show(key, &number);
    }

    #[inline(never)]
    pub(super) fn hex(&mut self, key: &str, number: Value) {
        self.show(key, &number.hex());
    }

    #[inline(never)]
    pub(super) fn flag(&mut self, key: &str, set: Option<bool>) {
        self.word(key, set.map_or("?", |set| if set { "1" } else { "0" }));
    }

    #[inline(never)]
    pub(super) fn node(&mut self, node: Option<&Node>) {
        self.number_known("node", node.and_then(|node| node.number));
    }

    #[inline(never)]
    pub(super) fn number_known(&mut self, key: &str, number: Option<u32>) {
        let number = number.map_or(Value::Unreadable, |number| Value::Known(number.into()));
        self.number(key, number);
    }

    /// Ends the line; fails if any pair failed.
    #[inline(never)]
    pub(super) fn end(self) -> fmt::Result {
        self.result?;
        self.out.write_char('\n')
    }
}

/// A value that prints `?` if it is unknown.
pub struct Known<T>(pub Option<T>);

impl<T: Display> Display for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("?"),
        }
    }
}
