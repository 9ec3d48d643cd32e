// SPDX-License-Identifier: GPL-2.0

//! Text: the files, version 1. See `docs/files.md` for every key.

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
