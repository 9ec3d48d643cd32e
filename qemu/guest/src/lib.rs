// SPDX-License-Identifier: GPL-2.0

//! The library of a guest program: PID 1 of a test guest, which runs the cases of one suite in a
//! stock kernel and writes KTAP.

mod any_module;
pub mod apparmor;
mod bpf;
mod case;
pub mod child;
pub mod cmdline;
pub mod confine;
pub mod count;
mod ctx;
pub mod fail_nth;
pub mod files;
mod held;
mod kmemleak;
pub mod kmsg;
mod ktap;
pub mod memory;
mod pid1;
pub mod places;
mod program;
mod runner;
mod shell;
mod skip;
mod start;
pub mod taint;
pub mod uevents;
mod wanted;

pub use case::Case;
pub use ctx::Ctx;
pub use kmemleak::KnownLoss;
pub use modproof_formats::words;
pub use modproof_wait::{modinfo, modules, mounts, serial};
pub use program::{List, Program, Suite, Verb};
pub use skip::Skip;

// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
