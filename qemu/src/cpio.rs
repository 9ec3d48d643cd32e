// SPDX-License-Identifier: GPL-2.0

//! Writes initramfs archives ("newc" cpio). The kernel unpacks several archives in one file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use cpio::newc::{trailer, Builder};

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;

/// An archive that is being written.
pub struct Archive<W: Write> {
    out: W,
    inode: u32,
    folders: BTreeSet<String>,
}

impl Archive<BufWriter<File>> {
    /// Begins an initramfs with the stock modules, if any, and the folders on which every guest
    /// mounts file systems.
    pub fn begin_initramfs(path: &Path, stock: Option<&Path>) -> Result<Self> {
        let mut out = BufWriter::new(File::create(path)?);
        if let Some(stock) = stock {
            std::io::copy(&mut File::open(stock)?, &mut out)?;
        }
        let mut archive = Self::new(out);
        for folder in ["dev", "proc", "sys", "tmp"] {
            archive.folder(folder)?;
        }
        Ok(archive)
    }
}

impl<W: Write> Archive<W> {
    /// Begins an archive.
    pub fn new(out: W) -> Self {
        Self {
            out,
            inode: 0,
            folders: BTreeSet::new(),
        }
    }

    /// Adds an empty folder, and its parent folders.
    pub fn folder(&mut self, path: &str) -> Result<()> {
        let mut at = 0;
        while let Some(next) = path[at..].find('/') {
            self.one_folder(&path[..at + next])?;
            at += next + 1;
        }
        self.one_folder(path)
    }

    /// Adds a file, and its parent folders.
    pub fn file(&mut self, path: &str, data: &[u8]) -> Result<()> {
        self.with_parents(path)?;
        self.entry(path, FILE, data)
    }

    /// Adds an executable file, and its parent folders.
    pub fn program(&mut self, path: &str, data: &[u8]) -> Result<()> {
        self.with_parents(path)?;
        self.entry(path, PROGRAM, data)
    }

    /// Writes the trailer.
    pub fn finish(mut self) -> Result<W> {
        trailer(&mut self.out)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn with_parents(&mut self, path: &str) -> Result<()> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.folder(parent),
            None => Ok(()),
        }
    }

    fn one_folder(&mut self, path: &str) -> Result<()> {
        if path.is_empty() || !self.folders.insert(path.to_owned()) {
            return Ok(());
        }
        self.entry(path, FOLDER, &[])
    }

    fn entry(&mut self, path: &str, mode: u32, data: &[u8]) -> Result<()> {
        self.inode += 1;
        let size = u32::try_from(data.len()).context("a file is too big for an initramfs")?;
        let entry = Builder::new(path)
            .ino(self.inode)
            .mode(mode)
            .nlink(if mode == FOLDER { 2 } else { 1 });
        let mut writer = entry.write(&mut self.out, size);
        writer.write_all(data)?;
        writer.finish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_once() {
        let mut archive = Archive::new(Vec::new());
        archive.file("a/b/one", b"12345").expect("written");
        archive.program("a/b/two", b"").expect("written");
        let bytes = archive.finish().expect("written");
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        let names: Vec<_> = text
            .split("070701")
            .skip(1)
            .map(|e| e[104..].split('\0').next().unwrap_or_default())
            .collect();
        assert_eq!(names, ["a", "a/b", "a/b/one", "a/b/two", "TRAILER!!!"]);
    }
}
