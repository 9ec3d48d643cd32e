// SPDX-License-Identifier: GPL-2.0

//! What the guest's two programs share: `guest-init`, which runs the cases, and
//! `guest-wait`, which waits for it in a guest that is kept in a snapshot.
//!
//! `guest-wait` is part of the snapshot. Nothing of the cases belongs in here,
//! or each edit of one would cost a new snapshot.

pub mod handover;
pub mod modinfo;
pub mod modules;
pub mod mounts;
pub mod serial;
