// SPDX-License-Identifier: GPL-2.0

//! The checks of a kernel that need no guest.

use std::path::Path;

use crate::build::elf;
use crate::parts::Parts;
use crate::provision::symbols;
use crate::tally::Outcome;

/// Holds the kernel's Rust metadata against the stock kernel. For stock kernels alone.
pub const SYMBOLS: &str = "symbols";
/// Looks at the file of the linted module. For stock kernels alone: a kernel with Rust's debug
/// assertions has modules panic on purpose.
pub const MODULE: &str = "module";
/// Clippy and rustfmt.
pub const LINT: &str = "lint";

/// The names of a project's checks on a kernel, and what each shows.
pub fn checks(parts: &Parts, is_stock: bool) -> Vec<(String, String)> {
    let of_rust = [
        (
            SYMBOLS,
            "the regenerated Rust symbols are the stock kernel's; the check can fail",
            true,
        ),
        (
            MODULE,
            "the module has no core::panicking symbol, and one .modinfo section",
            true,
        ),
        (
            LINT,
            "the kernel's clippy and rustfmt over the module, warnings denied",
            false,
        ),
    ];
    let of_rust = of_rust.iter().filter(|_| parts.linted().is_some());
    let of_rust = of_rust.map(|(name, about, of_stock)| (*name, *about, *of_stock));
    let own = parts
        .checks
        .iter()
        .map(|(name, check)| (&**name, &*check.about, true));
    of_rust
        .chain(own)
        .filter(|(_, _, of_stock)| is_stock || !of_stock)
        .map(|(name, about, _)| (name.to_owned(), about.to_owned()))
        .collect()
}

/// Are the regenerated symbols those of the stock kernel?
pub fn check_symbols(headers: &Path, object: &Path) -> Outcome {
    let mut outcome = Outcome::of(symbols::check(headers, object).map(|equal| equal.to_string()))
        .named("the same as the stock kernel's");
    let control = Outcome::of(symbols::self_test(headers, object).map(|()| String::new()));
    outcome.add(control.named("the check can fail"));
    outcome
}

/// Can the module panic, and would the kernel load it?
pub fn check_module(module: &Path) -> Outcome {
    let sound = elf::expect_no_panicking(module).and_then(|()| elf::expect_one_modinfo(module));
    Outcome::of(sound.and_then(|()| {
        let sizes = elf::sizes(module)?;
        Ok(format!(
            "no core::panicking symbol; .text {} bytes, .ko {} bytes",
            sizes.text, sizes.file
        ))
    }))
}
