// SPDX-License-Identifier: GPL-2.0

//! How the places where requests are counted are doing.

use core::fmt;

/// The functions of KFD that are watched, in the order in which they are shown: what the file calls
/// them, and what KFD does.
pub const PROBES: [(&str, &str); 5] = [
    ("alloc_memory", "kfd_ioctl_alloc_memory_of_gpu"),
    ("svm", "kfd_ioctl_svm"),
    ("set_memory_policy", "kfd_ioctl_set_memory_policy"),
    ("create_queue", "kfd_ioctl_create_queue"),
    ("self_check", "sysprops_show"),
];

/// Whether requests are counted at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// They are: the check of a moment ago was seen.
    Armed,
    /// They are not: the probe is in its place, but the kernel does not call it (`kprobes/enabled` is
    /// 0, or `kernel.ftrace_enabled`).
    Blind,
    /// The probe is in its place; there was nothing to check it with.
    Unchecked,
    /// The kernel would not put it there, for this errno; 2 (ENOENT) where there is no amdgpu.
    Unavailable(i32),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Armed => "armed",
            Self::Blind => "blind",
            Self::Unchecked => "unchecked",
            Self::Unavailable(_) => "unavailable",
        })
    }
}

/// One place.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Whether requests are counted there.
    pub state: State,
    /// Whether the kernel calls it by way of ftrace; by a trap if not.
    pub by_ftrace: bool,
    /// Requests that the kernel says it did not tell of.
    pub missed: u64,
}
