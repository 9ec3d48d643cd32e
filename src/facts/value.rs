// SPDX-License-Identifier: GPL-2.0

//! One number that was read, or the reason why it is missing.

use core::fmt;

/// A number that KFD or the PCI core prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// The printed number.
    Known(u64),
    /// There is no such line or file: this kernel does not print it.
    #[default]
    Absent,
    /// It exists but could not be read: forbidden, malformed, cut off or contradictory.
    Unreadable,
}

impl Value {
    /// The number, if it is known.
    pub fn known(self) -> Option<u64> {
        match self {
            Self::Known(number) => Some(number),
            Self::Absent | Self::Unreadable => None,
        }
    }

    /// The number after `make`, if it is known.
    pub fn map(self, make: impl FnOnce(u64) -> u64) -> Self {
        match self {
            Self::Known(number) => Self::Known(make(number)),
            other => other,
        }
    }

    /// Whether the number is known to be zero.
    ///
    /// KFD shows a node before filling it in. A zero for a value that every card has therefore
    /// means "not yet", not "none" (`kfd_topology_add_device()`, `drivers/gpu/drm/amd/amdkfd`).
    pub fn is_zero(self) -> bool {
        self == Self::Known(0)
    }

    /// Whether any of the bits of `mask` is set, if the number is known.
    pub fn has(self, mask: u64) -> Option<bool> {
        self.known().map(|number| number & mask != 0)
    }

    /// The number as hexadecimal text.
    pub fn hex(self) -> Hex {
        Hex(self)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(number) => write!(f, "{number}"),
            Self::Absent | Self::Unreadable => f.write_str("?"),
        }
    }
}

/// A [`Value`] in hexadecimal.
#[derive(Clone, Copy, Debug)]
pub struct Hex(Value);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Known(number) => write!(f, "{number:#x}"),
            other => write!(f, "{other}"),
        }
    }
}
