// SPDX-License-Identifier: GPL-2.0

//! Text in kernel memory.

use kernel::{
    fmt::{
        self,
        Write, //
    },
    prelude::*, //
};

use crate::facts::map::Map;

use super::memory::Tree;

/// How much is allocated at once, in bytes: more than the `heaps` of one card.
const CHUNK_BYTES: usize = 512;

/// Text of any length.
///
/// It is made before anything is copied to a reader: a seq file would have it made once more for each
/// size of buffer that it tries.
pub(crate) struct Text {
    /// Those that are full.
    chunks: Tree<u32, Chunk>,
    next: u32,
    last: Chunk,
}

struct Chunk {
    bytes: KBox<[u8; CHUNK_BYTES]>,
    used: usize,
}

impl Chunk {
    fn new() -> Result<Self> {
        Ok(Self {
            bytes: KBox::init(pin_init::init_zeroed(), GFP_KERNEL)?,
            used: 0,
        })
    }

    /// Takes as much as there is room for; returns the rest.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = self.bytes.get_mut(self.used..).unwrap_or_default();
        let fits = room.len().min(bytes.len());
        for (place, &byte) in room.iter_mut().zip(bytes) {
            *place = byte;
        }
        self.used = self.used.saturating_add(fits);
        bytes.get(fits..).unwrap_or_default()
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.get(..self.used).unwrap_or_default();
        // All text is ASCII, so no character is in two chunks.
        f.write_str(core::str::from_utf8(bytes).map_err(|_| fmt::Error)?)
    }
}

impl Text {
    /// The text that `write` writes, in which nothing but memory can fail.
    pub(crate) fn written(write: impl FnOnce(&mut Self) -> fmt::Result) -> Result<Self> {
        let mut text = Self {
            chunks: Tree::default(),
            next: 0,
            last: Chunk::new()?,
        };
        write(&mut text).map_err(|_| ENOMEM)?;
        Ok(text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.chunks.values() {
            chunk.write(f)?;
        }
        self.last.write(f)
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = self.last.take(text.as_bytes());
        while !rest.is_empty() {
            let full = core::mem::replace(&mut self.last, Chunk::new().map_err(|_| fmt::Error)?);
            self.chunks
                .insert(self.next, full)
                .map_err(|_| fmt::Error)?;
            self.next = self.next.saturating_add(1);
            rest = self.last.take(rest);
        }
        Ok(())
    }
}
