// SPDX-License-Identifier: GPL-2.0

//! What fuzzing puts before the core, and what it demands of the answer.

mod machine;
mod pages;

pub use machine::Machine;
pub use pages::check;
