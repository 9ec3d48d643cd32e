// SPDX-License-Identifier: GPL-2.0

//! Reads files of sysfs.

use kernel::prelude::*;

use crate::{
    facts::topology::{
        ReadError,
        MAX_FILE_BYTES, //
    },
    raw::sysfs::{
        FileBuffer,
        OpenFile, //
    }, //
};

/// The whole content of a file.
pub(super) fn whole<'b>(file: &OpenFile, page: &'b mut FileBuffer) -> Result<&'b [u8], ReadError> {
    let text = file.read(page).map_err(reason)?;
    // sysfs shows less than a page. A full page may be cut off.
    if text.len() >= MAX_FILE_BYTES {
        return Err(ReadError::TooLarge);
    }
    Ok(text)
}

/// The meaning of a VFS errno for a fact.
pub(super) fn reason(error: Error) -> ReadError {
    if error == ENOMEM {
        ReadError::OutOfMemory
    } else if error == ENOENT || error == ENODEV || error == ENOTDIR {
        // kernfs returns ENODEV if an entry is removed while it is open.
        ReadError::Absent
    } else if error == EPERM || error == EACCES {
        ReadError::Denied
    } else if error == E2BIG {
        ReadError::TooLarge
    } else {
        ReadError::Other
    }
}
