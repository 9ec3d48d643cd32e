// SPDX-License-Identifier: GPL-2.0

//! Names of boards with the device 0x731f.

/// The board with that PCI revision, from libdrm's public table `amdgpu.ids`, with `-` for blanks.
pub(super) fn board(revision: u64) -> Option<&'static str> {
    Some(match revision {
        0xc0 => "RX-5700-XT-50th-Anniversary",
        0xc1 | 0xc5 => "RX-5700-XT",
        0xc2 => "RX-5600M",
        0xc3 => "RX-5700M",
        0xc4 => "RX-5700",
        0xca => "RX-5600-XT",
        0xcb => "RX-5600-OEM",
        _ => return None,
    })
}
