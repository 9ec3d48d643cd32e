// SPDX-License-Identifier: GPL-2.0

//! What a restored guest is handed: fresh files, and what to do with them.

use anyhow::Result;

use crate::build::Guest;
use crate::config::Suite;
use crate::cpio::Archive;

/// Read by the guest's `guest-wait`.
const WORDS: &str = "rdna1.words";

/// The archive that the guest reads. The words are what the kernel's command
/// line says in a cold boot.
pub fn handover(guest: &Guest, suite: &Suite, words: &str) -> Result<Vec<u8>> {
    let mut archive = Archive::new(Vec::new());
    archive.file(WORDS, words.as_bytes())?;
    guest.add_to(&mut archive, suite)?;
    archive.finish()
}
