// SPDX-License-Identifier: GPL-2.0

//! Names the functions of unloaded modules in kmemleak's backtraces: the kernel names only those
//! of loaded modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use elf::{abi::STT_FUNC, endian::AnyEndian, ElfBytes};
use modproof_wait::modules;

/// For each noted load, the module and the address of its code.
static LOADS: Mutex<BTreeSet<(&str, u64)>> = Mutex::new(BTreeSet::new());

/// kmemleak's report, with the addresses of the code that allocated each leaked object.
pub const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";

/// Whether the kernel has kmemleak: only then addresses are needed.
pub fn is_wanted() -> bool {
    Path::new(KMEMLEAK).exists()
}

/// Notes the address of a module's code. Call it right after the load.
pub fn note(module: &'static str) -> Result<()> {
    if !is_wanted() {
        return Ok(());
    }
    let path = format!("/sys/module/{module}/sections/.text");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let begin = address(text.trim()).with_context(|| format!("{path} holds {text:?}"))?;
    let mut loads = LOADS.lock().unwrap_or_else(PoisonError::into_inner);
    loads.insert((module, begin));
    Ok(())
}

/// The functions of all noted modules.
pub struct Places {
    loads: BTreeSet<(&'static str, u64)>,
    modules: BTreeMap<&'static str, Functions>,
}

impl Places {
    /// Reads the functions of all noted modules from their files.
    pub fn noted() -> Result<Self> {
        let loads = LOADS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut modules = BTreeMap::new();
        for &(module, _) in &loads {
            if !modules.contains_key(module) {
                modules.insert(module, Functions::read(&modules::own_path(module))?);
            }
        }
        Ok(Self { loads, modules })
    }

    /// All readings of a backtrace, innermost function first. The first has only the kernel's
    /// names. For each load follows one that looks up the other addresses in that load; an address
    /// outside of its functions stays a number.
    pub fn readings<'a>(&'a self, frames: &'a [String]) -> impl Iterator<Item = Vec<&'a str>> {
        let alone = std::iter::once(None);
        let loads = alone.chain(self.loads.iter().map(Some));
        loads.map(move |load| {
            let name = |frame: &'a String| {
                let looked_up = load.and_then(|(module, begin)| {
                    let offset = address(frame)?.checked_sub(*begin)?;
                    self.modules.get(module)?.at(offset)
                });
                looked_up.unwrap_or_else(|| frame.split('+').next().unwrap_or(frame))
            };
            frames.iter().map(name).collect()
        })
    }
}

/// The functions in the code of a module file: start, size and name.
struct Functions(BTreeMap<u64, (u64, String)>);

impl Functions {
    fn read(path: &Path) -> Result<Self> {
        let image = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&image).with_context(|| format!("{}", path.display()))
    }

    fn parse(image: &[u8]) -> Result<Self> {
        let file = ElfBytes::<AnyEndian>::minimal_parse(image).context("no ELF file")?;
        let (sections, names) = file.section_headers_with_strtab().context("no sections")?;
        let (sections, names) = sections.zip(names).context("no names of sections")?;
        let is_code = |name: u32| names.get(name as usize).is_ok_and(|name| name == ".text");
        let mut sections = sections.iter();
        let code = sections.position(|section| is_code(section.sh_name));
        let code = code.context("no .text")?;
        let symbols = file.symbol_table().context("no symbols")?;
        let (symbols, names) = symbols.context("no symbols")?;
        let mut functions = BTreeMap::new();
        for symbol in symbols.iter() {
            if usize::from(symbol.st_shndx) == code && symbol.st_symtype() == STT_FUNC {
                let name = names
                    .get(symbol.st_name as usize)
                    .context("a symbol's name")?;
                functions.insert(symbol.st_value, (symbol.st_size, name.to_owned()));
            }
        }
        Ok(Self(functions))
    }

    fn at(&self, offset: u64) -> Option<&str> {
        let (begin, (size, name)) = self.0.range(..=offset).next_back()?;
        // Rarely this names the wrong function: if a function ends with a call that never
        // returns, the return address is the start of the next function.
        (offset - begin < *size).then_some(name)
    }
}

/// An address as the kernel prints it.
fn address(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(loads: &[(&'static str, u64)]) -> Places {
        let functions = |list: &[(u64, u64, &str)]| {
            let each = list.iter();
            Functions(
                each.map(|&(at, size, name)| (at, (size, name.to_owned())))
                    .collect(),
            )
        };
        Places {
            loads: loads.iter().copied().collect(),
            modules: BTreeMap::from([
                ("a", functions(&[(0, 0x10, "first"), (0x20, 8, "second")])),
                ("b", functions(&[(0, 0x40, "other")])),
            ]),
        }
    }

    #[test]
    fn what_the_kernel_names_is_taken_by_its_word() {
        let frames = [
            "kmemdup_noprof+0x2c/0x60".to_owned(),
            "f+0x1/0x2 [m]".to_owned(),
        ];
        let places = places(&[]);
        let readings: Vec<_> = places.readings(&frames).collect();
        assert_eq!(readings, [["kmemdup_noprof", "f"]]);
    }

    #[test]
    fn an_address_is_looked_up_in_each_load_alone() {
        let frames = [
            "0x1024".to_owned(),
            "0x2001".to_owned(),
            "0x1018".to_owned(),
        ];
        let places = places(&[("a", 0x1000), ("a", 0x2000), ("b", 0x1000)]);
        let readings: Vec<_> = places.readings(&frames).skip(1).collect();
        assert_eq!(
            readings,
            [
                ["second", "0x2001", "0x1018"],
                ["0x1024", "first", "0x1018"],
                ["other", "0x2001", "other"],
            ]
        );
    }

    #[test]
    fn functions_are_read_from_an_object() {
        assert!(Functions::parse(b"#!/bin/sh\n").is_err());
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(!Functions::parse(&own).unwrap().0.is_empty());
    }
}
