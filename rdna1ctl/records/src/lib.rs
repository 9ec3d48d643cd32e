// SPDX-License-Identifier: GPL-2.0

//! Strict parsers for the files of the module `rdna1_kfd_guard`. They accept unknown keys.
//!
//! `docs/files.md` describes the form. The first line is `# rdna1 <file> v1`. A file of records has
//! lines of `key=value` pairs, separated by one blank; `counters` has lines of a name and a number.
//! Values are safe to print: they are printable ASCII without blanks and quotes.

mod counters;
mod record;

pub use counters::Counters;
pub use record::{body, records, Record};

/// The text that stands for an unknown value.
pub const UNKNOWN: &str = "?";

/// The longest file that is accepted, in bytes: far more than the module writes for any machine.
pub const MAX_BYTES: usize = 1 << 20;
