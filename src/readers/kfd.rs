// SPDX-License-Identifier: GPL-2.0

//! Reads KFD's topology through sysfs.

use kernel::{
    fmt,
    prelude::*,
    str::CString,
    time::{
        delay::fsleep,
        Delta, //
    },
};

use crate::facts::{
    map::{
        Map,
        OutOfMemory, //
    },
    properties::decimal,
    topology::{
        File,
        Folder,
        ReadError,
        Topology,
        MAX_ENTRIES,
        MAX_FILE_BYTES, //
    }, //
};

use crate::raw::sysfs::Sysfs;

use super::memory::{
    file_buffer,
    FileBuffer, //
};

/// Where KFD's device keeps its topology; `/sys/class/kfd/kfd` leads there
/// (`kfd_chardev_init()`, `kfd_chardev.c`).
const TOPOLOGY: &str = "devices/virtual/kfd/kfd/topology";

/// KFD's topology, as sysfs shows it.
pub(crate) struct KfdTopology<'a> {
    sysfs: &'a Sysfs,
    buffer: FileBuffer,
}

impl<'a> KfdTopology<'a> {
    pub(crate) fn new(sysfs: &'a Sysfs) -> Result<Self, OutOfMemory> {
        Ok(Self {
            sysfs,
            buffer: file_buffer()?,
        })
    }
}

impl Topology for KfdTopology<'_> {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        let path = path(format_args!("{TOPOLOGY}/{file}"))?;
        let text = self.sysfs.read(&path, &mut *self.buffer).map_err(reason)?;
        // sysfs shows less than a page; a full one would be cut off.
        if text.len() >= MAX_FILE_BYTES {
            return Err(ReadError::TooLarge);
        }
        Ok(text)
    }

    fn list<N: Map<u32, ()>>(&mut self, folder: Folder, numbers: &mut N) -> Result<(), ReadError> {
        let path = path(format_args!("{TOPOLOGY}/{folder}"))?;
        let mut entries = 0usize;
        self.sysfs
            .list(&path, &mut |name| {
                let Some(number) = decimal(name).and_then(|number| u32::try_from(number).ok())
                else {
                    return Ok(());
                };
                entries = entries.saturating_add(1);
                if entries > MAX_ENTRIES {
                    return Err(E2BIG);
                }
                numbers.insert(number, ()).map_err(|_| ENOMEM)
            })
            .map_err(reason)
    }

    fn wait(&mut self, attempt: u32) {
        // 1, 2, 4, 8, 16 ms.
        let milliseconds = 1i64.checked_shl(attempt.saturating_sub(1)).unwrap_or(1);
        fsleep(Delta::from_millis(milliseconds));
    }
}

/// A path below sysfs's root.
pub(super) fn path(path: fmt::Arguments<'_>) -> Result<CString, ReadError> {
    CString::try_from_fmt(path).map_err(reason)
}

/// What an errno of the VFS means for a fact.
pub(super) fn reason(error: Error) -> ReadError {
    if error == ENOMEM {
        ReadError::OutOfMemory
    } else if error == ENOENT || error == ENODEV || error == ENOTDIR {
        // kernfs answers ENODEV when an entry goes while it is open.
        ReadError::Absent
    } else if error == EPERM || error == EACCES {
        ReadError::Denied
    } else if error == E2BIG {
        ReadError::TooLarge
    } else {
        ReadError::Other
    }
}
