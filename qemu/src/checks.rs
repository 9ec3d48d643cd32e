// SPDX-License-Identifier: GPL-2.0

//! The checks of a kernel that boot no guest.

use std::path::Path;

use crate::build::elf;
use crate::parts::Parts;
use crate::provision::symbols;
use crate::tally::Outcome;

/// Compares the regenerated Rust symbols with the stock kernel's. Runs for stock kernels only.
pub const SYMBOLS: &str = "symbols";
/// Checks the `.ko` file of the linted module. Runs for stock kernels only: modules for a kernel
/// with `CONFIG_RUST_DEBUG_ASSERTIONS` contain panics on purpose.
pub const MODULE: &str = "module";
/// Runs clippy and rustfmt.
pub const LINT: &str = "lint";

/// The names of a project's checks on a kernel, each with a description.
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

/// Runs the check [`SYMBOLS`], and checks that it can fail.
pub fn check_symbols(headers: &Path, object: &Path) -> Outcome {
    let mut outcome = Outcome::of(symbols::check(headers, object).map(|equal| equal.to_string()))
        .named("the same as the stock kernel's");
    let control = Outcome::of(symbols::self_test(headers, object).map(|()| String::new()));
    outcome.add(control.named("the check can fail"));
    outcome
}

/// Checks that the module cannot panic, and that the kernel would load it.
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
