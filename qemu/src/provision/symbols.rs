// SPDX-License-Identifier: GPL-2.0

//! Checks that the regenerated Rust symbols are those of the stock kernel.
//!
//! A mangled name holds a hash of its crate's identity. So equal names mean that a module built
//! with our metadata links against the stock kernel. One side comes from the stock kernel's exports
//! (`Module.symvers` of the headers package). The other side comes from the objects of the build
//! that made the metadata.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::{bail, Context, Result};
use object::{Object, ObjectSymbol};

const SHOWN: usize = 5;

/// The result of a check that passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Equal {
    /// How many symbols the stock kernel exports. The regenerated metadata has all of them.
    pub stock: usize,
}

impl fmt::Display for Equal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{0} of {0} Rust symbols equal", self.stock)
    }
}

/// Compares the stock headers folder with the object folder.
pub fn check(stock_headers: &Path, object: &Path) -> Result<Equal> {
    let path = stock_headers.join("Module.symvers");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    compare(&exported(&text), &defined(&object.join("rust"))?)
}

/// The Rust symbols in a `Module.symvers`, from its second column.
fn exported(symvers: &str) -> BTreeSet<String> {
    symvers
        .lines()
        .filter_map(|l| l.split('\t').nth(1))
        .filter(|s| s.starts_with("_R"))
        .map(str::to_owned)
        .collect()
}

/// The global Rust symbols that the objects in `folder` define.
fn defined(folder: &Path) -> Result<BTreeSet<String>> {
    let mut symbols = BTreeSet::new();
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "o") {
            continue;
        }
        let data = std::fs::read(&path)?;
        let file = object::File::parse(&*data)
            .with_context(|| format!("{} is no object file", path.display()))?;
        let names = file
            .symbols()
            .filter(|s| s.is_definition() && s.is_global())
            .filter_map(|s| s.name().ok())
            .filter(|name| name.starts_with("_R"));
        symbols.extend(names.map(str::to_owned));
    }
    Ok(symbols)
}

fn compare(stock: &BTreeSet<String>, ours: &BTreeSet<String>) -> Result<Equal> {
    if stock.is_empty() {
        bail!("the stock kernel exports no Rust symbol; is it built with CONFIG_RUST?");
    }
    let missing: Vec<_> = stock.difference(ours).collect();
    if !missing.is_empty() {
        let mut text = format!(
            "{} of {} Rust symbols equal: the regenerated metadata is not the stock kernel's. \
             The compilers or the source differ. The first missing:",
            stock.len() - missing.len(),
            stock.len()
        );
        for name in missing.iter().take(SHOWN) {
            text.push_str("\n  ");
            text.push_str(name);
        }
        bail!(text);
    }
    Ok(Equal { stock: stock.len() })
}

/// Tests the check itself: without one symbol, taken out of a copy of the objects, it must fail
/// and name that symbol.
pub fn self_test(stock_headers: &Path, object: &Path) -> Result<()> {
    let path = stock_headers.join("Module.symvers");
    let stock = exported(&std::fs::read_to_string(&path)?);
    let copy = tempfile::tempdir()?;
    let rust = copy.path().join("rust");
    std::fs::create_dir(&rust)?;
    let victim = stock.iter().next().context("no Rust symbol to take out")?;
    for entry in std::fs::read_dir(object.join("rust"))? {
        let from = entry?.path();
        if from.extension().is_some_and(|e| e == "o") {
            let to = rust.join(from.file_name().context("a file without a name")?);
            crate::run::output(
                std::process::Command::new("objcopy")
                    .arg(format!("--localize-symbol={victim}"))
                    .arg(&from)
                    .arg(&to),
            )?;
        }
    }
    match check(stock_headers, copy.path()) {
        Ok(equal) => bail!("with {victim} taken out the check still says: {equal}"),
        Err(error) if error.to_string().contains(victim.as_str()) => Ok(()),
        Err(error) => Err(error).context("with one symbol taken out the check failed otherwise"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMVERS: &str = "0x0\tsystem_state\tvmlinux\tEXPORT_SYMBOL\t\n\
                           0x0\t_RNvA\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                           0x0\t_RNvB\tvmlinux\tEXPORT_SYMBOL_GPL\t\n";

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn all_there() {
        let equal = compare(&exported(SYMVERS), &names(&["_RNvA", "_RNvB", "_RNvC"]));
        assert_eq!(
            equal.expect("equal").to_string(),
            "2 of 2 Rust symbols equal"
        );
    }

    #[test]
    fn one_missing_is_named() {
        let error = compare(&exported(SYMVERS), &names(&["_RNvA"])).expect_err("one is missing");
        let text = error.to_string();
        assert!(text.starts_with("1 of 2 Rust symbols equal"), "{text}");
        assert!(text.ends_with("\n  _RNvB"), "{text}");
    }

    #[test]
    fn nothing_to_compare_is_no_success() {
        assert!(compare(&exported("0x0\ta\tvmlinux\tX\t\n"), &names(&["_RNvA"])).is_err());
    }
}
