// SPDX-License-Identifier: GPL-2.0

//! How files of sysfs are read.

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

/// All that a file says.
pub(super) fn whole<'b>(file: &OpenFile, page: &'b mut FileBuffer) -> Result<&'b [u8], ReadError> {
    let text = file.read(page).map_err(reason)?;
    // sysfs shows less than a page; a full one would be cut off.
    if text.len() >= MAX_FILE_BYTES {
        return Err(ReadError::TooLarge);
    }
    Ok(text)
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
