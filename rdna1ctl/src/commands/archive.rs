// SPDX-License-Identifier: GPL-2.0

//! A `.tar.gz` in the making: all files in one folder, and nothing in it of who made it where.

use std::io::Write;

use anyhow::Result;
use flate2::{write::GzEncoder, Compression};
use tar::{Builder, Header};

/// The folder in the archive.
pub const FOLDER: &str = "rdna1-report";

/// An archive.
pub struct Archive<W: Write> {
    builder: Builder<GzEncoder<W>>,
    /// What is in it, by name.
    names: Vec<String>,
}

impl<W: Write> Archive<W> {
    /// An empty one, to be written there.
    pub fn new(out: W) -> Self {
        Self {
            builder: Builder::new(GzEncoder::new(out, Compression::default())),
            names: Vec::new(),
        }
    }

    /// Adds a file.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut header = Header::new_gnu();
        header.set_size(u64::try_from(bytes.len())?);
        header.set_mode(0o644);
        // Neither time nor user: they say nothing of the card.
        header.set_mtime(0);
        let path = format!("{FOLDER}/{name}");
        self.builder.append_data(&mut header, path, bytes)?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// What is in it.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Ends it.
    pub fn end(self) -> Result<()> {
        self.builder.into_inner()?.finish()?.flush()?;
        Ok(())
    }
}
