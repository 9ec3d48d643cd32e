// SPDX-License-Identifier: GPL-2.0

//! The data that the BPF programs keep, as bpf/layout.h declares it.

use aya::Pod;

/// The heaps that an allocation may name, in the order of their flags. KFD takes the first one.
pub const HEAPS: [&str; 6] = ["vram", "gtt", "userptr", "doorbell", "mmio", "none"];
/// Combinations of the four flags that determine an allocation's grain.
const GRAINS: usize = 16;
/// Types of queues.
pub const QUEUES: usize = 6;
/// Operations of SVM.
pub const OPERATIONS: [&str; 3] = ["set", "get", "other"];
/// Attributes of SVM.
pub const ATTRIBUTES: [&str; 9] = [
    "preferred_loc",
    "prefetch_loc",
    "access",
    "access_in_place",
    "no_access",
    "set_flags",
    "clr_flags",
    "granularity",
    "other",
];
/// The size of a thread's name in bytes.
const COMMAND: usize = 16;
/// How many fine-grained requests are kept.
pub const KEPT: usize = 32;
/// The seal of an entry while a writer is at work.
const BUSY: u64 = u64::MAX;

/// The ioctls that are traced, in the order of `enum kind`.
pub const KINDS: [&str; 4] = ["alloc_memory", "svm", "set_memory_policy", "create_queue"];

/// The requests of a process that name a card.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Process << 32 | KFD's id of the card; 0 in a free row.
    pub key: u64,
    /// Counts by heap and grain.
    pub allocations: [[u64; GRAINS]; HEAPS.len()],
    /// Counts; the index is the policy of the default aperture * 4 + that of the alternate one.
    pub policies: [u64; 16],
    /// Counts by type.
    pub queues: [u64; QUEUES],
    /// The name of the thread that asked first.
    pub command: [u8; COMMAND],
}

/// The requests of a process by `AMDKFD_IOC_SVM`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Svm {
    /// The process; 0 in a free row.
    pub key: u64,
    /// Counts by operation.
    pub operations: [u64; OPERATIONS.len()],
    /// Counts for set and for get, by attribute and grain.
    pub attributes: [[[u64; 4]; ATTRIBUTES.len()]; 2],
    /// The number of attributes that were not read.
    pub unread: u64,
    /// The name of the thread that asked first.
    pub command: [u8; COMMAND],
}

/// A request for fine-grained memory.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fine {
    /// Twice its number (from 1), plus 1 for SVM. 0 or `u64::MAX` if there is no complete request.
    pub seal: u64,
    /// Its time in ticks of the kernel.
    pub ticks: u64,
    /// Process << 32 | thread.
    pub who: u64,
    /// In bytes.
    pub size: u64,
    /// KFD's id of the card; 0 for SVM.
    pub gpu_id: u32,
    /// The flags of the request.
    pub flags: u32,
}

impl Fine {
    /// Its number (from 0), and whether it came by SVM; `None` if the entry is incomplete.
    pub fn number(&self) -> Option<(u64, bool)> {
        match self.seal {
            0 | BUSY => None,
            seal => Some(((seal >> 1).saturating_sub(1), seal & 1 == 1)),
        }
    }

    /// Whether a later read found the same request.
    pub fn is_same(&self, later: &Self) -> bool {
        self.seal == later.seal
    }
}

/// The counters that belong to no row, and the last fine-grained requests.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileVariable {
    /// Requests that found no free row or could not be read, by kind.
    pub lost: [u64; KINDS.len()],
    /// The number of self-checks that were seen.
    pub checks: u64,
    /// The time of the last one, in ticks of the kernel.
    pub ticks: u64,
    /// The time of the last one, in nanoseconds of `CLOCK_MONOTONIC`.
    pub nanoseconds: u64,
    /// The number of fine-grained requests.
    pub fine: u64,
    /// The number of those that were dropped because two came to one entry at once.
    pub left_out: u64,
    /// The last fine-grained requests.
    pub ring: [Fine; KEPT],
}

// bpf/layout.h asserts the same sizes.
const _: () = assert!(size_of::<Asked>() == 968 && size_of::<Svm>() == 632);
const _: () = assert!(size_of::<Fine>() == 40 && size_of::<FileVariable>() == 72 + 32 * 40);

// SAFETY: It consists of numbers, without padding, and any bytes are valid.
unsafe impl Pod for Asked {}
// SAFETY: As above.
unsafe impl Pod for Svm {}
// SAFETY: As above.
unsafe impl Pod for FileVariable {}

impl FileVariable {
    /// The time of a request in nanoseconds of `CLOCK_MONOTONIC`; a tick has `tick` nanoseconds.
    pub fn nanoseconds(&self, fine: &Fine, tick: u64) -> u64 {
        // Signed, because a request can come before or after the last self-check.
        let after = fine.ticks.wrapping_sub(self.ticks);
        let after = i64::from_ne_bytes(after.to_ne_bytes());
        let after = after.saturating_mul(i64::try_from(tick).unwrap_or(i64::MAX));
        self.nanoseconds.saturating_add_signed(after)
    }
}

/// A thread's name.
pub fn command(bytes: &[u8; COMMAND]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    let (name, _) = bytes.split_at(end.unwrap_or(COMMAND));
    String::from_utf8_lossy(name).into_owned()
}
