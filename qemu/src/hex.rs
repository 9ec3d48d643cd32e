// SPDX-License-Identifier: GPL-2.0

//! Hexadecimal text of digests.

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
