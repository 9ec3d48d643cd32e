// SPDX-License-Identifier: GPL-2.0

//! Counts of what the readers met.

use super::error::ReadError;

/// Declares a struct of counts, each with the name that the `counters` file shows.
macro_rules! tally {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$doc:meta])* $count:ident, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name { $( $(#[$doc])* pub $count: u64, )+ }

        impl $name {
            /// The number of counts.
            pub const COUNT: usize = [$( stringify!($count) ),+].len();

            /// Their names, in the order of [`Self::values`].
            pub const NAMES: [&'static str; Self::COUNT] = [$( stringify!($count) ),+];

            /// The counts, in the order of [`Self::NAMES`].
            pub fn values(&self) -> [u64; Self::COUNT] {
                [$( self.$count ),+]
            }
        }
    };
}

tally! {
    /// The counts of one read of a module file, or of one event.
    pub struct Tally {
        /// Reads of the module's files.
        reads,
        /// Walks over KFD's topology.
        scans,
        /// Walks that were repeated: KFD was changing, or a mismatch had to be confirmed.
        retries,
        /// Observations whose last walk still met changes or an unconfirmed mismatch.
        unstable_scans,
        /// Nodes read.
        nodes,
        /// Memory banks of the cards read.
        banks,
        /// Cards read.
        cards,
        /// Findings with the verdict truth.
        verdicts_truth,
        /// Findings with the verdict lie.
        verdicts_lie,
        /// Findings with the verdict unknown.
        verdicts_unknown,
        /// Files or folders that should exist and do not.
        errors_absent,
        /// Files that the reader was not allowed to read.
        errors_denied,
        /// Files or folders larger than any of KFD's.
        errors_too_large,
        /// Lines that are not in KFD's form.
        errors_malformed,
        /// Reads that failed in another way.
        errors_other,
        /// Reads of the module's files that failed for lack of memory.
        errors_no_memory,
        /// Cards that came, went or changed their driver.
        events_pci,
        /// Loads and unloads of amdgpu.
        events_module,
        /// Cards whose verdict became lie.
        lies_announced,
        /// Announcements that failed.
        errors_announcing,
    }
}

/// Counts one more.
pub fn bump(count: &mut u64) {
    add(count, 1);
}

/// Counts `more`.
pub fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

impl Tally {
    /// Counts an error.
    pub fn error(&mut self, error: ReadError) {
        bump(match error {
            ReadError::Absent => &mut self.errors_absent,
            ReadError::Denied => &mut self.errors_denied,
            ReadError::TooLarge => &mut self.errors_too_large,
            ReadError::Other => &mut self.errors_other,
            ReadError::OutOfMemory => &mut self.errors_no_memory,
        });
    }
}
