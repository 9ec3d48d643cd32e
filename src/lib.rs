// SPDX-License-Identifier: GPL-2.0

//! The pure part of `rdna1_kfd_guard`: facts, rules, their verdicts and text.
//!
//! The kernel module is made of the same files (`rdna1_kfd_guard.rs` names them), with readers that
//! ask the kernel. Here they are tested, and judge captured topologies (`classify`).

#![cfg_attr(not(feature = "host"), no_std)]

extern crate alloc;

pub use kfd_uapi as uapi;

pub mod facts;
#[cfg(feature = "host")]
pub mod host;
pub mod observe;
pub mod rules;
pub mod text;
