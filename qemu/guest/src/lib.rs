// SPDX-License-Identifier: GPL-2.0

//! The library of a guest program: PID 1 of a test guest, which runs the cases of one suite in a
//! stock kernel and writes KTAP.

pub mod apparmor;
mod bpf;
pub mod child;
pub mod cmdline;
pub mod confine;
pub mod count;
mod ctx;
pub mod fail_nth;
pub mod files;
pub mod held;
pub mod kmsg;
pub mod ktap;
pub mod memory;
pub mod places;
mod skip;
pub mod taint;
pub mod uevents;
pub mod wanted;

pub use ctx::Ctx;
pub use modproof_wait::{modinfo, modules, mounts, serial};
pub use skip::Skip;
