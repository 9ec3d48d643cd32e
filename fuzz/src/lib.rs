// SPDX-License-Identifier: GPL-2.0

//! Turns fuzzer input into a topology for the core, and checks the pages that the core writes.

mod machine;
mod pages;

pub use machine::Machine;
pub use pages::check;
