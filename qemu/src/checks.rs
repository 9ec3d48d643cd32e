// SPDX-License-Identifier: GPL-2.0

//! The checks of a kernel that need no guest.

use std::path::Path;

use crate::build::{elf, Products};
use crate::provision::symbols;
use crate::tally::Outcome;

/// The groups that are no suites.
pub const CHECKS: [(&str, &str); 4] = [
    (
        "symbols",
        "the regenerated Rust symbols are the stock kernel's; the check can fail",
    ),
    (
        "module",
        "the module has no core::panicking symbol, and one .modinfo section",
    ),
    (
        "lint",
        "the kernel's clippy and rustfmt over the module, warnings denied",
    ),
    (
        "layout",
        "the fixture has amdgpu's structures as the stock amdgpu.ko has them",
    ),
];

/// Those for stock kernels alone: two compare with what Debian has built, and
/// a kernel with Rust's debug assertions has modules panic on purpose.
pub const OF_STOCK: [&str; 3] = ["symbols", "module", "layout"];

/// Are the regenerated symbols those of the stock kernel?
pub fn check_symbols(headers: &Path, object: &Path) -> Outcome {
    let mut outcome = Outcome::of(symbols::check(headers, object).map(|equal| equal.to_string()))
        .named("the same as the stock kernel's");
    let control = Outcome::of(symbols::self_test(headers, object).map(|()| String::new()));
    outcome.add(control.named("the check can fail"));
    outcome
}

/// Can the module panic, and would the kernel load it?
pub fn check_module(products: &Products) -> Outcome {
    let sound = elf::expect_no_panicking(&products.guard)
        .and_then(|()| elf::expect_one_modinfo(&products.guard));
    Outcome::of(sound.and_then(|()| {
        let sizes = elf::sizes(&products.guard)?;
        Ok(format!(
            "no core::panicking symbol; .text {} bytes, .ko {} bytes",
            sizes.text, sizes.file
        ))
    }))
}
