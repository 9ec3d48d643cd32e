// SPDX-License-Identifier: GPL-2.0

//! Addresses on the PCI bus.

use core::fmt;

/// The address of a function on the PCI bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// PCI domain.
    pub domain: u32,
    /// Bus << 8 | device << 3 | function, as `PCI_DEVID()` packs it and KFD prints it.
    pub location: u16,
}

impl Address {
    /// The bus number.
    pub fn bus(self) -> u8 {
        let [bus, _] = self.location.to_be_bytes();
        bus
    }

    /// Device << 3 | function, as `PCI_DEVFN()` packs it.
    pub fn devfn(self) -> u8 {
        let [_, devfn] = self.location.to_be_bytes();
        devfn
    }
}

impl fmt::Display for Address {
    /// In the PCI core's form, `0000:03:00.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04x}:{:02x}:{:02x}.{:x}",
            self.domain,
            self.bus(),
            self.devfn() >> 3,
            self.devfn() & 7,
        )
    }
}
