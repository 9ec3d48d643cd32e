// SPDX-License-Identifier: GPL-2.0

//! How reading can fail.

/// Why a file or folder could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is not there, or it went while it was read.
    Absent,
    /// The reader may not: KFD asks the reader's devices cgroup.
    Denied,
    /// It holds more than any file or folder of KFD's can.
    TooLarge,
    /// Something else.
    Other,
    /// There is no memory. This is not a fact about KFD, and ends the scan.
    OutOfMemory,
}
