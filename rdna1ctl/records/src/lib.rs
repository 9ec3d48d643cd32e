// SPDX-License-Identifier: GPL-2.0

//! The files of `rdna1_kfd_guard`, read: strict about their form, open about their keys.
//!
//! `docs/files.md` describes the form. The first line is `# rdna1 <file> v1`. A file of records has
//! lines of `key=value` pairs with one blank between; `counters` has lines of a name and a number.
//! Whoever prints what was read here needs not fear it: a value is printable ASCII without blanks
//! and quotes.

mod counters;
mod record;

pub use counters::Counters;
pub use record::{body, records, Record};

/// What stands for a value that is not known.
pub const UNKNOWN: &str = "?";

/// The longest file that is read, in bytes: far more than the module writes for any machine.
pub const MAX_BYTES: usize = 1 << 20;
