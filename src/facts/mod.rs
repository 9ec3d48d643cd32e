// SPDX-License-Identifier: GPL-2.0

//! Facts: values as read, without judgement.
//!
//! Readers implement [`topology::Topology`] and [`pci::PciBus`]; [`scan`] turns their output into a
//! [`snapshot::Snapshot`].

mod address;
pub mod atomics;
pub mod card;
mod error;
pub mod links;
pub mod map;
pub mod node;
pub mod numbers;
pub mod path;
pub mod pci;
pub mod prelude;
pub mod properties;
pub mod scan;
pub mod snapshot;
pub mod tally;
pub mod topology;
pub mod value;
