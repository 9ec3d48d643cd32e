// SPDX-License-Identifier: GPL-2.0

//! The last fine-grained requests.
//!
//! Writers do not wait, and are not waited for. Each entry has a seal: that of the request that it
//! holds, or [`BUSY`] while it is written. Who finds it busy leaves its own request out and counts
//! that; a reader who finds that the seal was busy, or has changed meanwhile, shows no entry.

use super::word::Word;

/// How many requests are kept.
pub const ENTRIES: usize = 32;

const BUSY: u64 = u64::MAX;

/// A request for fine-grained memory. Numbers alone: nothing is held of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// When, in ticks of the kernel (`jiffies`).
    pub ticks: u64,
    /// The process and the thread, as the initial pid namespace numbers them: process << 32 | thread.
    pub who: u64,
    /// What the thread is called (`comm`): 16 bytes, with a NUL after the last that counts.
    pub command: [u64; 2],
    /// KFD's id of the card << 32 | flags. `AMDKFD_IOC_SVM` names no card: 0.
    pub what: u64,
    /// How much, in bytes.
    pub size: u64,
}

/// Which ioctl a request was made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// `AMDKFD_IOC_ALLOC_MEMORY_OF_GPU`.
    Allocation,
    /// `AMDKFD_IOC_SVM`.
    Svm,
}

/// One entry: its seal, and its request. `W` is a [`Word`], or `u64` in a copy.
pub struct Entry<W> {
    seal: W,
    ticks: W,
    who: W,
    command: [W; 2],
    what: W,
    size: W,
}

/// The ring.
pub struct Ring<W> {
    /// How many requests there were.
    pub requests: W,
    /// How many of them were left out.
    pub left_out: W,
    /// Where the last are.
    pub entries: [Entry<W>; ENTRIES],
}

impl<W: Word> Ring<W> {
    /// Keeps a request.
    #[inline(always)] // In the way of a request, as few calls as can be.
    pub fn push(&self, by: By, request: &Request) {
        let number = self.requests.fetch_add(1);
        let Some(entry) = self.entries.get(number as usize % ENTRIES) else {
            return;
        };
        let seal = number.wrapping_add(1) << 1 | u64::from(by == By::Svm);
        let before = entry.seal.swap(BUSY);
        if before > seal {
            // Another is at it, or has kept a later request there.
            if before != BUSY {
                entry.seal.store_release(before);
            }
            self.left_out.add(1);
            return;
        }
        entry.ticks.store(request.ticks);
        entry.who.store(request.who);
        let [first, second] = &entry.command;
        first.store(request.command[0]);
        second.store(request.command[1]);
        entry.what.store(request.what);
        entry.size.store(request.size);
        entry.seal.store_release(seal);
    }

    /// Copies the entries that are whole.
    #[inline(never)]
    pub fn copy_to(&self, copy: &mut Ring<u64>) {
        for (from, to) in self.entries.iter().zip(&mut copy.entries) {
            to.seal = 0;
            let seal = from.seal.load_acquire();
            if seal == BUSY {
                continue;
            }
            // Each before the second look at the seal.
            to.ticks = from.ticks.load_acquire();
            to.who = from.who.load_acquire();
            for (from, to) in from.command.iter().zip(&mut to.command) {
                *to = from.load_acquire();
            }
            to.what = from.what.load_acquire();
            to.size = from.size.load_acquire();
            if from.seal.load() == seal {
                to.seal = seal;
            }
        }
        // Last: none of the entries is later than these.
        copy.requests = self.requests.load();
        copy.left_out = self.left_out.load();
    }
}

#[cfg(feature = "host")]
impl<W> Ring<W> {
    /// An empty one, for tests.
    pub(super) fn empty(zero: fn() -> W) -> Self {
        let entry = |()| Entry {
            seal: zero(),
            ticks: zero(),
            who: zero(),
            command: [zero(), zero()],
            what: zero(),
            size: zero(),
        };
        Self {
            requests: zero(),
            left_out: zero(),
            entries: [(); ENTRIES].map(entry),
        }
    }
}

impl Entry<u64> {
    /// The request, with its number counted from 0 and what it was made by, if there is one.
    pub fn request(&self) -> Option<(u64, By, Request)> {
        let by = if self.seal & 1 == 0 {
            By::Allocation
        } else {
            By::Svm
        };
        let request = Request {
            ticks: self.ticks,
            who: self.who,
            command: self.command,
            what: self.what,
            size: self.size,
        };
        let number = (self.seal >> 1).checked_sub(1)?;
        Some((number, by, request))
    }
}

impl Ring<u64> {
    /// Turns ticks into times.
    pub fn set_times(&mut self, time: impl Fn(u64) -> u64) {
        for entry in &mut self.entries {
            entry.ticks = time(entry.ticks);
        }
    }

    /// The entries of a copy that hold a request, the oldest first. Requests may have come while they
    /// were copied, so that their places do not tell.
    pub fn in_order(&self) -> impl Iterator<Item = &Entry<u64>> {
        let mut seal = 0;
        core::iter::from_fn(move || {
            let later = self.entries.iter().filter(|entry| entry.seal > seal);
            let next = later.min_by_key(|entry| entry.seal)?;
            seal = next.seal;
            Some(next)
        })
    }
}
