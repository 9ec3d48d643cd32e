// SPDX-License-Identifier: GPL-2.0

//! Errors of reading.

/// Why a file or folder could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It does not exist, or it was removed during the read.
    Absent,
    /// The reader lacks permission: KFD checks the reader's devices cgroup.
    Denied,
    /// It is larger than any file or folder of KFD.
    TooLarge,
    /// Something else.
    Other,
    /// There is no memory. This is not a fact about KFD, and it ends the scan.
    OutOfMemory,
}
