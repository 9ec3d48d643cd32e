// SPDX-License-Identifier: GPL-2.0

//! Reads ELF files: sizes, whether a module can panic, whether a program is static.

use std::path::Path;

use anyhow::{bail, Context, Result};
use object::elf::PT_INTERP;
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Endianness, Object, ObjectSection, ObjectSymbol};

/// The path `core::panicking`, as mangled symbol names spell it.
const PANICKING: &str = "9panicking";

/// Sizes of a module, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The code that stays loaded (`.text` and its parts).
    pub text: u64,
    /// The `.ko` file.
    pub file: u64,
}

/// The sizes of a module.
pub fn sizes(path: &Path) -> Result<Sizes> {
    let data = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = parse(path, &data)?;
    let text = file
        .sections()
        .filter(|s| {
            s.name()
                .is_ok_and(|n| n == ".text" || n.starts_with(".text."))
        })
        .map(|s| s.size())
        .sum();
    Ok(Sizes {
        text,
        file: data.len() as u64,
    })
}

/// Fails if a program needs a dynamic loader or libraries: a guest has neither.
pub fn expect_static(path: &Path) -> Result<()> {
    let data = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = ElfFile64::<Endianness>::parse(&*data)
        .with_context(|| format!("{} is no program", path.display()))?;
    let mut headers = file.elf_program_headers().iter();
    if headers.any(|header| header.p_type(file.endian()) == PT_INTERP) {
        bail!(
            "{} is not linked statically: install it again without RUSTFLAGS in the environment",
            path.display()
        );
    }
    Ok(())
}

/// Fails if the module has any symbol of `core::panicking`, defined or not. A panic in a module
/// crashes the kernel.
pub fn expect_no_panicking(path: &Path) -> Result<()> {
    let data = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = parse(path, &data)?;
    let mut symbols = 0;
    let mut panicking = Vec::new();
    for name in file.symbols().filter_map(|s| s.name().ok()) {
        symbols += 1;
        if name.contains(PANICKING) {
            panicking.push(name);
        }
    }
    if symbols == 0 {
        bail!("{} has no symbols to look at", path.display());
    }
    if !panicking.is_empty() {
        bail!(
            "{} symbols of core::panicking in {}: {}",
            panicking.len(),
            path.display(),
            panicking.join(" ")
        );
    }
    Ok(())
}

/// Fails unless the module has one `.modinfo` section. The kernel refuses a module with two.
pub fn expect_one_modinfo(path: &Path) -> Result<()> {
    let data = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = parse(path, &data)?;
    let found = file.sections().filter(|s| s.name() == Ok(".modinfo"));
    match found.count() {
        1 => Ok(()),
        count => bail!("{count} .modinfo sections in {}", path.display()),
    }
}

fn parse<'data>(path: &Path, data: &'data [u8]) -> Result<object::File<'data>> {
    object::File::parse(data).with_context(|| format!("{} is no object file", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test program itself can panic, and has symbols.
    #[test]
    fn a_program_that_can_panic_is_told() {
        let me = std::env::current_exe().expect("a path");
        let error = expect_no_panicking(&me).expect_err("tests panic");
        assert!(error.to_string().contains("core::panicking"), "{error}");
        assert!(sizes(&me).expect("an ELF file").text > 0);
    }

    #[test]
    fn a_program_has_no_modinfo() {
        let me = std::env::current_exe().expect("a path");
        let error = expect_one_modinfo(&me).expect_err("it is no module");
        assert!(error.to_string().starts_with("0 .modinfo"), "{error}");
    }

    #[test]
    fn no_object_file_is_no_success() {
        assert!(expect_no_panicking(Path::new("/etc/passwd")).is_err());
    }
}
