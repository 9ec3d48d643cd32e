// SPDX-License-Identifier: GPL-2.0

//! Writes a `.tar.gz`: all files in one folder, without the names of the user and the machine.

use std::io::Write;

use anyhow::Result;
use flate2::{write::GzEncoder, Compression};
use tar::{Builder, Header};

/// The folder in the archive.
pub const FOLDER: &str = "rdna1-report";

/// An archive.
pub struct Archive<W: Write> {
    builder: Builder<GzEncoder<W>>,
    names: Vec<String>,
}

impl<W: Write> Archive<W> {
    /// An empty archive, written to `out`.
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
        // A report needs neither the time nor the user.
        header.set_mtime(0);
        let path = format!("{FOLDER}/{name}");
        self.builder.append_data(&mut header, path, bytes)?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// The names of its files.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Completes the archive.
    pub fn end(self) -> Result<()> {
        self.builder.into_inner()?.finish()?.flush()?;
        Ok(())
    }
}
