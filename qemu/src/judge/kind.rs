// SPDX-License-Identifier: GPL-2.0

//! The kinds of trouble that a boot can show.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[doc = $about:literal])+ $name:ident = $title:literal,)+) => {
        /// A kind of trouble in a boot. Causes come before consequences, and specific kinds before
        /// general ones. The first kind found is the headline.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind {
            $($(#[doc = $about])+ $name,)+
        }

        impl Kind {
            /// All kinds, headlines first.
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }

        impl fmt::Display for Kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $title,)+
                })
            }
        }
    };
}

kinds! {
    /// The judge itself could not do its work.
    Judge = "the judge could not run",
    /// KASAN: an invalid memory access.
    Kasan = "KASAN report",
    /// KMSAN: a use of uninitialized memory.
    Kmsan = "KMSAN report",
    /// KFENCE: an invalid memory access, found by sampling.
    Kfence = "KFENCE report",
    /// KCSAN: a data race.
    Kcsan = "KCSAN report",
    /// UBSAN: undefined behaviour.
    Ubsan = "UBSAN report",
    /// SLUB: a write over poison or red zones.
    Slab = "slab corruption",
    /// A page in an invalid state.
    BadPage = "bad page",
    /// A linked list with broken links.
    ListCorruption = "list corruption",
    /// A wrong reference count.
    Refcount = "refcount error",
    /// An object in the wrong state for its use.
    DebugObjects = "object debugging report",
    /// A kernel stack that overflowed or was corrupted.
    StackOverflow = "kernel stack overflow",
    /// A sleep in atomic context.
    AtomicSleep = "sleep in atomic context",
    /// A dangerous use of locks.
    Lockdep = "lockdep report",
    /// A CPU that handles no interrupts.
    HardLockup = "hard lockup",
    /// A CPU on which one task keeps all others from running.
    SoftLockup = "soft lockup",
    /// An RCU grace period that does not end.
    RcuStall = "RCU stall",
    /// A work queue that makes no progress.
    WorkqueueLockup = "work queue lockup",
    /// A task that waits forever.
    HungTask = "hung task",
    /// A resource that nobody frees.
    Leak = "leak",
    /// No memory was left.
    OutOfMemory = "out of memory",
    /// Two objects with the same name.
    Duplicate = "name taken twice",
    /// The kernel found no first process.
    NoInit = "no first process",
    /// A failed assertion in the kernel.
    Bug = "kernel BUG",
    /// An invalid access by the kernel.
    Oops = "oops",
    /// A failed check of the kernel.
    Warning = "kernel warning",
    /// A detector that switched itself off. Its silence proves nothing.
    Blind = "detector off",
    /// The guest's first process ended.
    InitDied = "first process died",
    /// A kernel panic.
    Panic = "panic",
    /// The guest did not end.
    Hang = "hang",
    /// More output from the guest than the limit.
    Flood = "endless talk",
    /// The machine reset itself, as it does after a triple fault.
    Reset = "guest reset",
    /// A stack trace without an explanation.
    Trace = "unexplained stack trace",
    /// An unexpected taint bit.
    Taint = "unexpected taint",
    /// Cases that failed.
    TestFailures = "test failures",
    /// Lines that are not KTAP in the KTAP stream.
    Garbage = "garbage in the stream",
    /// The guest's own verdict is `fail`.
    GuestSaysFail = "the guest says fail",
    /// More than one verdict, or output after the verdict.
    VerdictTwice = "verdict not last and once",
    /// A requested case is missing, a case is extra, or a case ran twice.
    WrongCases = "not the cases asked for",
    /// Counts that contradict each other.
    Miscount = "wrong count",
    /// The guest powered off before its last case ended.
    PoweredOffEarly = "powered off early",
    /// The stream has no verdict, and ends in the middle.
    CutOff = "cut off",
    /// The stream has no verdict, though all cases ended.
    VerdictMissing = "verdict missing",
    /// QEMU failed.
    Qemu = "QEMU failed",
}
