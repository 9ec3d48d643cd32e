// SPDX-License-Identifier: GPL-2.0

//! Parses KFD's sysfs files: lines of `key value`, or a single number.
//!
//! The form is that of `sysfs_show_32bit_prop()`, `sysfs_show_64bit_prop()` and
//! `sysfs_show_32bit_val()` in `drivers/gpu/drm/amd/amdkfd/kfd_topology.c`.

use super::value::Value;

/// A set of named numbers, filled from text.
pub trait Properties: Default {
    /// All numbers absent.
    const ABSENT: Self;

    /// All numbers unreadable, for a file that could not be read.
    const UNREADABLE: Self;

    /// Reads `text` into the set, which is new; returns the number of malformed lines.
    ///
    /// A valid line is a key of lower-case letters, digits and `_`, one blank, a decimal number
    /// that fits 64 bits, and a line feed. The last line needs its line feed too: a number that is
    /// cut off reads like a smaller one. A key with two different numbers becomes unreadable. Keys
    /// outside of the set are ignored.
    fn parse(&mut self, text: &[u8]) -> u64;
}

/// Reads `text` into `values` like [`Properties::parse`]; returns the number of malformed lines.
///
/// `keys` names the values, preferably in the order of the lines. After each key, this expects the
/// next one, and searches all keys only if another follows.
#[inline(never)] // One copy for all sets.
pub(super) fn fill(text: &[u8], keys: &[&str], values: &mut [Value]) -> u64 {
    let mut malformed = 0u64;
    let mut expected = 0usize;
    let mut rest = text;
    while !rest.is_empty() {
        let is_expected = |key: &&str| {
            let after = rest.strip_prefix(key.as_bytes());
            after.is_some_and(|after| after.first() == Some(&b' '))
        };
        let (place, after_key) = match keys.get(expected).filter(|key| is_expected(key)) {
            Some(key) => (Some(expected), rest.get(key.len()..).unwrap_or_default()),
            None => {
                let (key, after) = split_where(rest, |byte| !is_of_key(byte));
                let is_whole = matches!(after.first(), None | Some(b' ' | b'\n'));
                let place = keys.iter().position(|name| name.as_bytes() == key);
                // A line without a key is malformed.
                let after = if key.is_empty() { rest } else { after };
                (place.filter(|_| is_whole), after)
            }
        };
        let (value, after) = value_of(after_key, after_key.len() != rest.len());
        rest = after;
        if value == Value::Unreadable {
            malformed = malformed.saturating_add(1);
        }
        let Some(place) = place else {
            continue;
        };
        expected = place.saturating_add(1);
        if let Some(place) = values.get_mut(place) {
            *place = match *place {
                Value::Absent => value,
                earlier if earlier == value => earlier,
                _ => Value::Unreadable,
            };
        }
    }
    malformed
}

/// Whether a key can contain this byte. A table, because most lines look up every byte.
fn is_of_key(byte: u8) -> bool {
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0u8;
        while byte < 128 {
            table[byte as usize] = matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
            byte += 1;
        }
        table
    };
    TABLE.get(usize::from(byte)).is_some_and(|&is| is)
}

/// Splits the text after a key into the value and the text after the line.
fn value_of(after_key: &[u8], has_key: bool) -> (Value, &[u8]) {
    let mut rest = after_key;
    if let (true, Some(digits)) = (has_key, after_key.strip_prefix(b" ")) {
        let mut number = Some(0u64);
        rest = digits;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            number = number.and_then(|number| {
                let digit = digit.wrapping_sub(b'0');
                number.checked_mul(10)?.checked_add(digit.into())
            });
            rest = after;
        }
        if let (Some(after), Some(number), true) =
            (rest.strip_prefix(b"\n"), number, rest.len() < digits.len())
        {
            return (Value::Known(number), after);
        }
    }
    let (_, line_feed) = split_where(rest, |byte| byte == b'\n');
    let after = line_feed.strip_prefix(b"\n").unwrap_or_default();
    (Value::Unreadable, after)
}

/// Splits before the first byte that satisfies `is_end`.
fn split_where(text: &[u8], is_end: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| is_end(byte));
    text.split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, &[]))
}

/// Reads a file that holds one decimal number and a line feed, like `gpu_id`.
pub fn single_number(text: &[u8]) -> Value {
    text.strip_suffix(b"\n")
        .and_then(decimal)
        .map_or(Value::Unreadable, Value::Known)
}

/// Reads a decimal number: only digits, at least one, at most 64 bits.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    number(digits, 10)
}

/// Reads a hexadecimal number: only digits, at least one, at most 64 bits.
pub fn hexadecimal(digits: &[u8]) -> Option<u64> {
    number(digits, 16)
}

/// Like `u64::from_str_radix()`, but without a sign and without arithmetic that can panic.
fn number(digits: &[u8], base: u8) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a' - 10),
            b'A'..=b'F' => byte.wrapping_sub(b'A' - 10),
            _ => return None,
        };
        let digit = Some(digit).filter(|&digit| digit < base)?;
        number.checked_mul(base.into())?.checked_add(digit.into())
    })
}

/// Declares a set of [`Value`]s, with a method for each key.
macro_rules! properties {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$doc:meta])* $key:ident $(= $spelt:literal)?, )+ }
    ) => {
        $(#[$meta])*
        // One array, so that the code to copy, compare and fill it is a loop.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name([$crate::facts::value::Value; $name::COUNT]);

        impl $name {
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
                <Self as $crate::facts::properties::Properties>::ABSENT
            }
        }

        impl $crate::facts::properties::Properties for $name {
            const ABSENT: Self = Self([$crate::facts::value::Value::Absent; Self::COUNT]);
            const UNREADABLE: Self = Self([$crate::facts::value::Value::Unreadable; Self::COUNT]);

            fn parse(&mut self, text: &[u8]) -> u64 {
                const KEYS: [&str; $name::COUNT] =
                    [$( $crate::facts::properties::spelling!($key $($spelt)?) ),+];
                $crate::facts::properties::fill(text, &KEYS, &mut self.0)
            }
        }
    };
}
pub(crate) use properties;

/// The spelling of a key in the file: the field's name, unless a Rust keyword forbids that.
macro_rules! spelling {
    ($key:ident $spelt:literal) => {
        $spelt
    };
    ($key:ident) => {
        stringify!($key)
    };
}
pub(crate) use spelling;
