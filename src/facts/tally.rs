// SPDX-License-Identifier: GPL-2.0

//! Counts of what happened while facts were read.

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
            /// How many counts there are.
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
    /// What happened in one read of a file of ours.
    pub struct Tally {
        /// Files of ours that were read.
        reads,
        /// Walks over KFD's topology.
        scans,
        /// Walks that were done again: KFD was changing, or a lie had to be seen twice.
        retries,
        /// Reads that came to no end of changes, or of doubts, with the last walk.
        unstable_scans,
        /// Nodes looked at.
        nodes,
        /// Memory banks of cards.
        banks,
        /// Cards seen.
        cards,
        /// Verdicts of rules that say truth.
        verdicts_truth,
        /// Verdicts of rules that say lie.
        verdicts_lie,
        /// Verdicts of rules that say unknown.
        verdicts_unknown,
        /// Files or folders that should be there and are not.
        errors_absent,
        /// Files that the reader was not allowed to read.
        errors_denied,
        /// Files or folders larger than any of KFD's.
        errors_too_large,
        /// Lines that are not in KFD's form.
        errors_malformed,
        /// Reads that failed in another way.
        errors_other,
        /// Reads of our files that ended for want of memory.
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
