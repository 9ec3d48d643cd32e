// SPDX-License-Identifier: GPL-2.0

//! What a restored guest is handed: fresh files, and what to do with them.

use anyhow::Result;
use modproof_formats::words;

use crate::build::Guest;
use crate::cpio::Archive;
use crate::suites::Suite;

/// The archive that the guest reads. The words are what the kernel's command
/// line says in a cold boot.
pub fn handover(guest: &Guest, suite: &Suite, line: &str) -> Result<Vec<u8>> {
    let mut archive = Archive::new(Vec::new());
    archive.file(words::WORDS_FILE, line.as_bytes())?;
    guest.add_to(&mut archive, suite)?;
    archive.finish()
}
