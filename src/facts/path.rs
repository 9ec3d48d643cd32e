// SPDX-License-Identifier: GPL-2.0

//! Paths in sysfs, built without allocating. The many paths of the topology also avoid `core::fmt`.

use core::{
    ffi::CStr,
    fmt, //
};

use super::error::ReadError;

/// A path in sysfs.
pub struct Path {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Path {
    /// Larger than any path built here, including its NUL.
    const CAPACITY: usize = 128;

    /// The path that `write` writes. Fails if `write` fails.
    pub fn of(write: impl FnOnce(&mut Self) -> fmt::Result) -> Result<Self, ReadError> {
        let mut new = Self {
            bytes: [0; Self::CAPACITY],
            length: 0,
        };
        write(&mut new).map_err(|_| ReadError::Other)?;
        Ok(new)
    }

    /// Adds a decimal number.
    pub fn number(&mut self, number: u32) -> fmt::Result {
        if number >= 10 {
            self.number(number / 10)?;
        }
        let digit = usize::try_from(number % 10).unwrap_or(0);
        self.text("0123456789".get(digit..=digit).unwrap_or_default())
    }

    /// Adds text. Fails if there is no room.
    pub fn text(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        // The last byte stays NUL.
        if end >= Self::CAPACITY {
            return Err(fmt::Error);
        }
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        for (place, &byte) in room.iter_mut().zip(text.as_bytes()) {
            *place = byte;
        }
        self.length = end;
        Ok(())
    }

    /// The path without its first `start` bytes.
    pub fn after(&self, start: usize) -> Result<&CStr, ReadError> {
        let bytes = self.bytes.get(start..).unwrap_or_default();
        CStr::from_bytes_until_nul(bytes).map_err(|_| ReadError::Other)
    }
}

impl fmt::Write for Path {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text)
    }
}
