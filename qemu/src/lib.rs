// SPDX-License-Identifier: GPL-2.0

//! modproof: provisions stock Debian kernels, builds kernel modules for them, boots them under QEMU
//! with a guest of its own, and judges what came of it.
//!
//! The program `modproof` does what a project's `modproof.toml` says. Another program can do more with
//! this library: see [`Extension`].

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
mod extension;
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
