// SPDX-License-Identifier: GPL-2.0

//! The code that the waiter `modproof-wait` shares with the guest program that it executes.
//!
//! The waiter is part of a snapshot: a new binary costs a new snapshot. So this crate has only
//! the subjects that the waiter needs, and nothing of a suite or of the runner. In one crate with
//! those, an edit of a case could change how the compiler splits and inlines the code here.

pub mod handover;
pub mod modinfo;
pub mod modules;
pub mod mounts;
pub mod serial;
