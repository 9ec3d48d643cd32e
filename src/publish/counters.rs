// SPDX-License-Identifier: GPL-2.0

//! The counters, which only rise while the module is loaded.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

use crate::facts::tally::Tally;

/// The sum of all tallies.
pub(crate) struct Counters([Atomic<u64>; Tally::COUNT]);

impl Default for Counters {
    fn default() -> Self {
        Self([const { Atomic::new(0) }; Tally::COUNT])
    }
}

impl Counters {
    pub(crate) fn add(&self, tally: &Tally) {
        for (counter, count) in self.0.iter().zip(tally.values()) {
            if count != 0 {
                counter.add(count, Relaxed);
            }
        }
    }

    /// The counters now, in the order of [`Tally::NAMES`].
    pub(crate) fn now(&self) -> [u64; Tally::COUNT] {
        self.0.each_ref().map(|counter| counter.load(Relaxed))
    }
}
