// SPDX-License-Identifier: GPL-2.0

//! The `.modinfo` section of a module file, which the command `modinfo` shows.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use elf::{endian::AnyEndian, ElfBytes};

/// The `key=value` strings of a module file, in order.
#[derive(Debug)]
pub struct ModInfo(Vec<(String, String)>);

impl ModInfo {
    /// Reads them from a .ko file.
    pub fn read(path: &Path) -> Result<Self> {
        let image = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let section = modinfo_section(&image).with_context(|| format!("{}", path.display()))?;
        Ok(Self::parse(section))
    }

    fn parse(section: &[u8]) -> Self {
        let entries = section.split(|byte| *byte == 0).filter_map(|entry| {
            let entry = String::from_utf8_lossy(entry);
            let (key, value) = entry.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        });
        Self(entries.collect())
    }

    /// Every value of a key.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(k, _)| k == key)
            .map(|(_, v)| v.as_str())
    }

    /// The modules that have to be loaded first.
    pub fn depends(&self) -> Vec<&str> {
        self.all("depends")
            .flat_map(|list| list.split(','))
            .filter(|name| !name.is_empty())
            .collect()
    }
}

fn modinfo_section(image: &[u8]) -> Result<&[u8]> {
    let file = ElfBytes::<AnyEndian>::minimal_parse(image).context("no ELF file")?;
    let header = file
        .section_header_by_name(".modinfo")
        .context("no section table")?;
    let header = header.context("no .modinfo section: no kernel module")?;
    Ok(file
        .section_data(&header)
        .context(".modinfo lies outside of the file")?
        .0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_repeat_and_lists_are_split() {
        let info = ModInfo::parse(b"license=GPL\0author=A\0author=B\0depends=crc16,drm\0\0noise\0");
        assert_eq!(info.all("author").collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(info.depends(), ["crc16", "drm"]);
        assert_eq!(info.all("alias").count(), 0);
        assert!(ModInfo::parse(b"depends=\0").depends().is_empty());
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(modinfo_section(b"#!/bin/sh\n").is_err());
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        let why = modinfo_section(&own).unwrap_err().to_string();
        assert!(why.contains("no .modinfo section"), "{why}");
    }
}
