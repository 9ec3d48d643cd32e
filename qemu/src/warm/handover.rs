// SPDX-License-Identifier: GPL-2.0

//! The files and words that a restored guest gets.

use anyhow::Result;
use modproof_formats::words;

use crate::build::Guest;
use crate::cpio::Archive;
use crate::suites::Suite;

/// The archive that the guest reads. `line` has the words that a cold boot has in the kernel's
/// command line.
pub fn handover(guest: &Guest, suite: &Suite, line: &str) -> Result<Vec<u8>> {
    let mut archive = Archive::new(Vec::new());
    archive.file(words::WORDS_FILE, line.as_bytes())?;
    guest.add_to(&mut archive, suite)?;
    archive.finish()
}
