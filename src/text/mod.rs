// SPDX-License-Identifier: GPL-2.0

//! The text of the debugfs files, version 1. `docs/files.md` explains every key.

mod boards;
mod checks;
mod counters;
mod flags;
mod gpus;
mod heaps;
mod record;

pub use self::{
    checks::checks,
    counters::counters,
    flags::flags,
    gpus::gpus,
    heaps::heaps,
    record::Known, //
};
