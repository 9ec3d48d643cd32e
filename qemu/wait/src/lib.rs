// SPDX-License-Identifier: GPL-2.0

//! The waiter, PID 1 of a guest that is saved, and the code that it shares with the guest program
//! that it executes. The program is a `main` that calls [`main`].
//!
//! The waiter is part of a snapshot: a new binary costs a new snapshot. So this crate has only
//! the subjects that the waiter needs, and nothing of a suite or of the runner. In one crate with
//! those, an edit of a case could change how the compiler splits and inlines the code here.

pub mod handover;
pub mod modinfo;
pub mod modules;
pub mod mounts;
pub mod serial;
mod waiter;

pub use waiter::main;
