// SPDX-License-Identifier: GPL-2.0

//! Paths in sysfs, and how their files are read.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    facts::topology::{
        PathWriter,
        ReadError,
        MAX_FILE_BYTES, //
    },
    raw::sysfs::{
        FileBuffer, //
        OpenFile,
    }, //
};

/// Where KFD's device keeps its topology; `/sys/class/kfd/kfd` leads there
/// (`kfd_chardev_init()`, `kfd_chardev.c`).
const TOPOLOGY: &str = "devices/virtual/kfd/kfd/topology";

/// All that a file says.
pub(super) fn whole<'b>(file: &OpenFile, page: &'b mut FileBuffer) -> Result<&'b [u8], ReadError> {
    let text = file.read(page).map_err(reason)?;
    // sysfs shows less than a page; a full one would be cut off.
    if text.len() >= MAX_FILE_BYTES {
        return Err(ReadError::TooLarge);
    }
    Ok(text)
}

/// A path in sysfs. Made without allocating: paths are made often.
pub(super) struct Path {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Path {
    /// More than any path has that is made here, and a NUL.
    const CAPACITY: usize = 128;

    /// The path that `write` writes.
    pub(super) fn of(write: impl FnOnce(&mut Self) -> fmt::Result) -> Result<Self, ReadError> {
        let mut new = Self {
            bytes: [0; Self::CAPACITY],
            length: 0,
        };
        write(&mut new).map_err(|_| ReadError::Other)?;
        Ok(new)
    }

    /// The path below KFD's topology that `write` writes.
    pub(super) fn of_topology(
        write: impl FnOnce(&mut Self) -> fmt::Result,
    ) -> Result<Self, ReadError> {
        Self::of(|path| {
            path.text(TOPOLOGY)?;
            path.text("/")?;
            write(path)
        })
    }

    pub(super) fn whole(&self) -> Result<&CStr, ReadError> {
        self.after(0)
    }

    /// What follows the name of the folder of all nodes.
    pub(super) fn below_nodes(&self) -> Result<&CStr, ReadError> {
        self.after("nodes/".len())
    }

    fn after(&self, start: usize) -> Result<&CStr, ReadError> {
        let bytes = self.bytes.get(start..).unwrap_or_default();
        CStr::from_bytes_until_nul(bytes).map_err(|_| ReadError::Other)
    }
}

impl fmt::Write for Path {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text)
    }
}

impl PathWriter for Path {
    fn number(&mut self, number: u32) -> fmt::Result {
        if number >= 10 {
            self.number(number / 10)?;
        }
        let digit = usize::try_from(number % 10).unwrap_or(0);
        self.text("0123456789".get(digit..=digit).unwrap_or_default())
    }

    fn text(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        // The last byte stays NUL.
        if end >= Self::CAPACITY {
            return Err(fmt::Error);
        }
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        for (place, &byte) in room.iter_mut().zip(text.as_bytes()) {
            *place = byte;
        }
        self.length = end;
        Ok(())
    }
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
