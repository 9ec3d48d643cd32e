// SPDX-License-Identifier: GPL-2.0

//! The pure core of `rdna1_kfd_guard` as a host library: facts, rules, their verdicts and text.
//!
//! The kernel module compiles the same files (`rdna1_kfd_guard.rs`), with readers that ask the
//! kernel. The host tests, `classify` and rdna1ctl use this library.

#![cfg_attr(not(feature = "host"), no_std)]

extern crate alloc;

pub use kfd_uapi as uapi;

pub mod facts;
#[cfg(feature = "host")]
pub mod host;
pub mod observe;
pub mod rules;
pub mod text;
