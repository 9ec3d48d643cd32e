// SPDX-License-Identifier: GPL-2.0

//! Parses the text of KFD's sysfs files: lines of `key value`, or one number alone.
//!
//! The form is that of `sysfs_show_32bit_prop()`, `sysfs_show_64bit_prop()` and
//! `sysfs_show_32bit_val()` in `drivers/gpu/drm/amd/amdkfd/kfd_topology.c`.

use super::value::Value;

/// A set of named numbers that can be filled from text.
pub trait Properties: Default {
    /// All numbers unreadable, for a file that could not be read.
    fn unreadable() -> Self;

    /// Reads `text`; returns the set and how many lines were malformed.
    ///
    /// A line is good when it is a key of lower-case letters, digits and `_`, one blank, a decimal
    /// number that fits 64 bits, and a line feed. The last line must have its line feed too: a
    /// number that is cut off reads like a smaller one. A key that comes twice with different
    /// numbers is unreadable. Keys that the set does not have are passed over.
    fn parse(text: &[u8]) -> (Self, u64);
}

/// Reads `text` into `values`, as [`Properties::parse`] says; returns how many lines were malformed.
///
/// `keys` names the values, in their order.
#[inline(never)] // Once for all sets.
pub(super) fn fill(text: &[u8], keys: &[&str], values: &mut [Value]) -> u64 {
    let mut malformed = 0u64;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let (key, value) = split_line(line);
        if value == Value::Unreadable {
            malformed = malformed.saturating_add(1);
        }
        let mut places = keys.iter().zip(values.iter_mut());
        if let Some((_, place)) = places.find(|(name, _)| name.as_bytes() == key) {
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

/// Declares a set of [`Value`]s, with a method for each key that is read.
macro_rules! properties {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$doc:meta])* $key:ident $(= $spelt:literal)?, )+ }
    ) => {
        $(#[$meta])*
        // One array, so that the code that copies, compares and fills it is a loop.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name([$crate::facts::value::Value; $name::COUNT]);

        impl $name {
            /// How many keys are read.
            const COUNT: usize = [$( stringify!($key) ),+].len();
        }

        const _: () = {
            #[allow(non_camel_case_types)]
            enum Place { $( $key ),+ }

            impl $name {
                $(
                    $(#[$doc])*
                    pub fn $key(&self) -> $crate::facts::value::Value {
                        self.0.get(Place::$key as usize).copied().unwrap_or_default()
                    }
                )+
            }
        };

        impl Default for $name {
            fn default() -> Self {
                Self([$crate::facts::value::Value::Absent; Self::COUNT])
            }
        }

        impl $crate::facts::properties::Properties for $name {
            fn unreadable() -> Self {
                Self([$crate::facts::value::Value::Unreadable; Self::COUNT])
            }

            fn parse(text: &[u8]) -> (Self, u64) {
                const KEYS: [&str; $name::COUNT] =
                    [$( $crate::facts::properties::spelling!($key $($spelt)?) ),+];
                let mut set = Self::default();
                let malformed = $crate::facts::properties::fill(text, &KEYS, &mut set.0);
                (set, malformed)
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
