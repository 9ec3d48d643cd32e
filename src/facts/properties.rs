// SPDX-License-Identifier: GPL-2.0

//! Parses the text of KFD's sysfs files: lines of `key value`, or one number alone.
//!
//! The form is that of `sysfs_show_32bit_prop()`, `sysfs_show_64bit_prop()` and
//! `sysfs_show_32bit_val()` in `drivers/gpu/drm/amd/amdkfd/kfd_topology.c`.

use super::value::Value;

/// Places for named numbers.
pub trait Places {
    /// The place of the number named `key`, if this set has it.
    fn place(&mut self, key: &[u8]) -> Option<&mut Value>;
}

/// A set of named numbers that can be filled from text.
pub trait Properties: Places + Default {
    /// All numbers unreadable, for a file that could not be read.
    fn unreadable() -> Self;

    /// Reads `text`; returns the set and how many lines were malformed.
    ///
    /// A line is good when it is a key of lower-case letters, digits and `_`, one blank, a decimal
    /// number that fits 64 bits, and a line feed. The last line must have its line feed too: a
    /// number that is cut off reads like a smaller one. A key that comes twice with different
    /// numbers is unreadable. Keys that the set does not have are passed over.
    fn parse(text: &[u8]) -> (Self, u64) {
        let mut set = Self::default();
        let malformed = fill(text, &mut set);
        (set, malformed)
    }
}

/// Reads `text` into `set`, as [`Properties::parse`] says; returns how many lines were malformed.
#[inline(never)] // Once for all sets.
fn fill(text: &[u8], set: &mut dyn Places) -> u64 {
    let mut malformed = 0u64;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let (key, value) = split_line(line);
        if value == Value::Unreadable {
            malformed = malformed.saturating_add(1);
        }
        if let Some(place) = set.place(key) {
            *place = match *place {
                Value::Absent => value,
                earlier if earlier == value => value,
                _ => Value::Unreadable,
            };
        }
    }
    malformed
}

/// Splits one line into its key and its number.
fn split_line(line: &[u8]) -> (&[u8], Value) {
    let (body, ended) = match line.split_last() {
        Some((b'\n', body)) => (body, true),
        _ => (line, false),
    };
    let mut words = body.splitn(2, |&byte| byte == b' ');
    let key = words.next().unwrap_or_default();
    let well_named = !key.is_empty()
        && key
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let number = words.next().and_then(decimal);
    match number {
        Some(number) if ended && well_named => (key, Value::Known(number)),
        _ => (key, Value::Unreadable),
    }
}

/// Reads a file that holds one decimal number and a line feed, like `gpu_id`.
pub fn single_number(text: &[u8]) -> Value {
    text.strip_suffix(b"\n")
        .and_then(decimal)
        .map_or(Value::Unreadable, Value::Known)
}

/// Reads a decimal number: digits alone, at least one, no more than 64 bits.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    number(digits, 10)
}

/// Reads a hexadecimal number: digits alone, at least one, no more than 64 bits.
pub fn hexadecimal(digits: &[u8]) -> Option<u64> {
    number(digits, 16)
}

/// As `u64::from_str_radix()`, without its sign and its arithmetic that can panic.
fn number(digits: &[u8], base: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &byte| {
        let digit = char::from(byte).to_digit(base)?;
        number.checked_mul(base.into())?.checked_add(digit.into())
    })
}

/// Declares a struct of [`Value`]s, one for each key that is read.
macro_rules! properties {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$doc:meta])* $key:ident $(= $spelt:literal)?, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name { $( $(#[$doc])* pub $key: $crate::facts::value::Value, )+ }

        impl $crate::facts::properties::Properties for $name {
            fn unreadable() -> Self {
                Self { $( $key: $crate::facts::value::Value::Unreadable, )+ }
            }
        }

        impl $crate::facts::properties::Places for $name {
            fn place(&mut self, key: &[u8]) -> Option<&mut $crate::facts::value::Value> {
                $( if key == $crate::facts::properties::spelling!($key $($spelt)?).as_bytes() {
                    return Some(&mut self.$key);
                } )+
                None
            }
        }
    };
}
pub(crate) use properties;

/// How a key is spelt in the file: as the field, unless that would be a Rust keyword.
macro_rules! spelling {
    ($key:ident $spelt:literal) => {
        $spelt
    };
    ($key:ident) => {
        stringify!($key)
    };
}
pub(crate) use spelling;
