// SPDX-License-Identifier: GPL-2.0

//! What can be wrong with a boot.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[doc = $about:literal])+ $name:ident = $title:literal,)+) => {
        /// What can be wrong with a boot. Causes stand before consequences,
        /// the particular before the general: the first is the headline.
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
    /// KASAN: memory used that must not be.
    Kasan = "KASAN report",
    /// KMSAN: memory used that was never written.
    Kmsan = "KMSAN report",
    /// KFENCE: KASAN's sampling sister.
    Kfence = "KFENCE report",
    /// KCSAN: a data race.
    Kcsan = "KCSAN report",
    /// UBSAN: undefined behaviour.
    Ubsan = "UBSAN report",
    /// SLUB's poison and red zones were written over.
    Slab = "slab corruption",
    /// A page in a state that it cannot be in.
    BadPage = "bad page",
    /// A linked list whose links do not meet.
    ListCorruption = "list corruption",
    /// An object counted wrongly.
    Refcount = "refcount error",
    /// An object used out of turn.
    DebugObjects = "object debugging report",
    /// A kernel stack used up or written over.
    StackOverflow = "kernel stack overflow",
    /// Sleeping where that is forbidden.
    AtomicSleep = "sleep in atomic context",
    /// Locks used in a dangerous way.
    Lockdep = "lockdep report",
    /// A CPU that takes no interrupts.
    HardLockup = "hard lockup",
    /// A CPU kept from other work.
    SoftLockup = "soft lockup",
    /// A grace period of RCU that does not end.
    RcuStall = "RCU stall",
    /// A work queue that does not move.
    WorkqueueLockup = "work queue lockup",
    /// A task that waits for ever.
    HungTask = "hung task",
    /// Something is never given back.
    Leak = "leak",
    /// No memory was left.
    OutOfMemory = "out of memory",
    /// Two things of one name.
    Duplicate = "name taken twice",
    /// The kernel found no first process.
    NoInit = "no first process",
    /// An assertion of the kernel failed.
    Bug = "kernel BUG",
    /// The kernel touched what it may not.
    Oops = "oops",
    /// A failed check of the kernel.
    Warning = "kernel warning",
    /// A detector that has switched itself off: its silence says nothing.
    Blind = "detector off",
    /// The guest's first process ended.
    InitDied = "first process died",
    /// The kernel gave up.
    Panic = "panic",
    /// The guest did not end.
    Hang = "hang",
    /// The guest said more than anybody keeps.
    Flood = "endless talk",
    /// The machine began anew by itself, as it does after a triple fault.
    Reset = "guest reset",
    /// A stack was printed, and nothing says why.
    Trace = "unexplained stack trace",
    /// A taint bit that is not expected.
    Taint = "unexpected taint",
    /// Cases that failed.
    TestFailures = "test failures",
    /// Something other than KTAP where KTAP belongs.
    Garbage = "garbage in the stream",
    /// The guest itself says `fail`.
    GuestSaysFail = "the guest says fail",
    /// More than one verdict, or something after it.
    VerdictTwice = "verdict not last and once",
    /// A case that was asked for did not come, another did, or one came twice.
    WrongCases = "not the cases asked for",
    /// Counts that contradict one another.
    Miscount = "wrong count",
    /// The guest powered off before its last case ended.
    PoweredOffEarly = "powered off early",
    /// No verdict, and the stream ends in the middle.
    CutOff = "cut off",
    /// No verdict, though all cases ended.
    VerdictMissing = "verdict missing",
    /// QEMU failed.
    Qemu = "QEMU failed",
}
