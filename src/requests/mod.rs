// SPDX-License-Identifier: GPL-2.0

//! Counts of what user space asks of KFD, and the last fine-grained requests.
//!
//! All of it is numbers in one array that handlers change at once, without locks ([`word::Word`]).
//! [`kind`] says which number a request belongs to, [`counts`] finds and changes it, [`ring`] keeps
//! the last requests. What is said here is what was asked for at the entry of KFD's handlers;
//! whether KFD granted it is not known.

use self::{
    counts::Counts,
    ring::Ring,
    word::Word, //
};

pub mod counts;
pub mod kind;
pub mod probe;
pub mod ring;
pub mod word;

/// All that is counted and kept. `W` is a [`Word`], or `u64` in a copy.
pub struct Log<W> {
    /// The counters.
    pub counts: Counts<W>,
    /// The last fine-grained requests.
    pub ring: Ring<W>,
    /// How often the self-check was seen.
    pub checks: W,
}

impl<W: Word> Log<W> {
    /// Copies all.
    pub fn copy_to(&self, copy: &mut Log<u64>) {
        self.counts.copy_to(&mut copy.counts);
        self.ring.copy_to(&mut copy.ring);
        copy.checks = self.checks.load();
    }
}

/// Empty ones, for tests; in the kernel they are made in place.
#[cfg(feature = "host")]
impl<W> Log<W> {
    /// A log of which every number is made by `zero`.
    pub fn empty(zero: fn() -> W) -> Self {
        fn all<T, const N: usize>(make: impl Fn() -> T) -> [T; N] {
            [(); N].map(|()| make())
        }
        let cells = || counts::Cells {
            allocations: all(zero),
            policies: all(zero),
            queues: all(zero),
        };
        let row = || counts::Row {
            gpu_id: zero(),
            cells: cells(),
        };
        Self {
            counts: Counts {
                cards: all(row),
                strangers: all(row),
                other: cells(),
                svm: counts::Svm {
                    operations: all(zero),
                    attributes: all(|| all(|| all(zero))),
                    unread_attributes: zero(),
                },
            },
            ring: Ring::empty(zero),
            checks: zero(),
        }
    }
}
