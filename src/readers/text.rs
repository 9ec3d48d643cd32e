// SPDX-License-Identifier: GPL-2.0

//! Text in kernel memory.

use kernel::{
    fmt::{
        self,
        Write, //
    },
    prelude::*, //
};

/// How much is allocated at once, in bytes: more than the `heaps` of one card.
const CHUNK_BYTES: usize = 512;

/// Text of any length.
///
/// It is made before anything is copied to a reader: a seq file would have it made once more for each
/// size of buffer that it tries.
pub(crate) struct Text(Option<KBox<Chunk>>);

/// A part of a text.
struct Chunk {
    bytes: [u8; CHUNK_BYTES],
    used: usize,
    /// What comes after it; before it, while the text is written.
    next: Option<KBox<Self>>,
}

impl Chunk {
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
}

impl Text {
    /// The text that `write` writes, in which nothing but memory can fail.
    pub(crate) fn written(write: impl Fn(&mut dyn Write) -> fmt::Result) -> Result<Self> {
        let mut backwards = Self(None);
        write(&mut backwards).map_err(|_| ENOMEM)?;
        let mut forwards = Self(None);
        while let Some(mut chunk) = backwards.0.take() {
            backwards.0 = chunk.next.take();
            chunk.next = forwards.0.take();
            forwards.0 = Some(chunk);
        }
        Ok(forwards)
    }

    /// The chunk that is written to: one with room.
    fn last(&mut self) -> Result<&mut Chunk> {
        let next = match self.0.take() {
            Some(chunk) if chunk.used < CHUNK_BYTES => return Ok(self.0.insert(chunk)),
            full => full,
        };
        let chunk = Chunk {
            bytes: [0; CHUNK_BYTES],
            used: 0,
            next,
        };
        Ok(self.0.insert(KBox::new(chunk, GFP_KERNEL)?))
    }
}

impl Drop for Text {
    /// One after the other: by themselves each would drop the next within its own drop.
    fn drop(&mut self) {
        let mut rest = self.0.take();
        while let Some(mut chunk) = rest {
            rest = chunk.next.take();
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_deref();
        while let Some(chunk) = rest {
            let bytes = chunk.bytes.get(..chunk.used).unwrap_or_default();
            // All text is ASCII, so no character is in two chunks.
            f.write_str(core::str::from_utf8(bytes).map_err(|_| fmt::Error)?)?;
            rest = chunk.next.as_deref();
        }
        Ok(())
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            rest = self.last().map_err(|_| fmt::Error)?.take(rest);
        }
        Ok(())
    }
}
