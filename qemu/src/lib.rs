// SPDX-License-Identifier: GPL-2.0

//! modproof tests Linux kernel modules. It provisions stock Debian kernels, builds modules for
//! them, boots them in a QEMU guest, and judges the result.
//!
//! The program `modproof` runs the tests of a project's `modproof.toml`. Another program can use
//! this library to add its own checks: see [`Extension`].

pub mod accel;
mod again;
pub mod boot;
pub mod build;
pub mod cache;
pub mod cargo;
mod checks;
pub mod cli;
pub mod context;
mod cpio;
pub mod extension;
pub mod filter;
pub mod fleet;
mod hex;
pub mod interrupt;
pub mod jobs;
pub mod judge;
pub mod kernels;
pub mod matrix;
pub mod modules;
mod names;
pub mod options;
pub mod parts;
pub mod plan;
mod planted;
pub mod project;
pub mod provision;
pub mod prune;
mod qemu;
pub mod report;
pub mod run;
mod runs;
mod setup;
mod shell;
mod skips;
mod stamps;
pub mod suites;
pub mod tally;
mod terminal;
pub mod test;
pub mod ui;
mod warm;

pub use context::Context;
pub use extension::{Extension, HostGroup, Plain};
pub use options::{Guests, Options};
