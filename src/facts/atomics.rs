// SPDX-License-Identifier: GPL-2.0

//! Whether AtomicOps get from a card to the root port, and whether the root port completes them.
//!
//! KFD asks the PCI core for that at probe (`amdgpu_device_enable_pci_atomics()`, which calls
//! `pci_enable_atomic_ops_to_root()`, `drivers/pci/pci.c`). This code gives the answer of Linux 7.2
//! without enabling anything, with one difference: an unreadable register means unknown here, and a
//! refusal there.
//!
//! Older kernels differ if there is no root port. They ask the bridges. If none refuses, they
//! enable the card's requests themselves, which then shows in its Device Control 2.

use super::{
    address::Address,
    value::Value, //
};

/// Device Capabilities 2: routes AtomicOps (`PCI_EXP_DEVCAP2_ATOMIC_ROUTE`,
/// `include/uapi/linux/pci_regs.h`, as are all below).
const ROUTES: u64 = 0x40;
/// Device Capabilities 2: completes 32- and 64-bit AtomicOps (`PCI_EXP_DEVCAP2_ATOMIC_COMP32`,
/// `PCI_EXP_DEVCAP2_ATOMIC_COMP64`).
const COMPLETES: u64 = 0x80 | 0x100;
/// Device Control 2: AtomicOps are enabled for this requester (`PCI_EXP_DEVCTL2_ATOMIC_REQ`).
const REQUESTS: u64 = 0x40;
/// Device Control 2: AtomicOps are blocked on egress (`PCI_EXP_DEVCTL2_ATOMIC_EGRESS_BLOCK`).
const BLOCKS_EGRESS: u64 = 0x80;

/// PCI Express Capabilities: the version of the capability, 0 if there is none
/// (`PCI_EXP_FLAGS_VERS`), and the type of the function (`PCI_EXP_FLAGS_TYPE`).
const VERSION: u64 = 0xf;
const TYPE: u64 = 0xf0;

/// The type of a function on PCI Express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortType {
    /// An endpoint, legacy ones included.
    Endpoint,
    /// The port at the root complex.
    RootPort,
    /// A switch's port towards the root.
    Upstream,
    /// A switch's port towards the card.
    Downstream,
    /// Anything else.
    Other,
}

impl PortType {
    /// Reads PCI Express Capabilities (`PCI_EXP_FLAGS`).
    pub fn of_flags(flags: u64) -> Self {
        match flags & TYPE {
            _ if flags & VERSION == 0 => Self::Other,
            0x00 | 0x10 => Self::Endpoint,
            0x40 => Self::RootPort,
            0x50 => Self::Upstream,
            0x60 => Self::Downstream,
            _ => Self::Other,
        }
    }
}

/// A function on the path to the root: its part in AtomicOps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Its address.
    pub address: Address,
    /// Its type; `None` if that cannot be read.
    pub port: Option<PortType>,
    /// Device Capabilities 2.
    pub capabilities: Value,
    /// Device Control 2.
    pub control: Value,
}

/// How far AtomicOps get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Atomics {
    /// They get to the root port, which completes them.
    Completer,
    /// They do not. The address is the first function on the way up that stops them, if known.
    None(Option<Address>),
    /// Unknown.
    #[default]
    Unknown,
}

impl Hop {
    /// Whether the function passes AtomicOps on, or completes them if it is the root port.
    fn passes(&self) -> Option<bool> {
        match self.port? {
            PortType::RootPort => Some(self.capabilities.known()? & COMPLETES == COMPLETES),
            PortType::Upstream => Some(
                self.capabilities.known()? & ROUTES != 0
                    && self.control.known()? & BLOCKS_EGRESS == 0,
            ),
            PortType::Downstream => Some(self.capabilities.known()? & ROUTES != 0),
            // The PCI core does not check these.
            PortType::Endpoint | PortType::Other => Some(true),
        }
    }
}

/// How far AtomicOps get from `card` through the `bridges` above it, nearest first.
pub fn atomics(card: &Hop, bridges: impl Iterator<Item = Hop>) -> Atomics {
    match card.port {
        Some(PortType::Endpoint) => (),
        Some(_) => return Atomics::None(Some(card.address)),
        None => return Atomics::Unknown,
    }
    let mut so_far = Atomics::Completer;
    for bridge in bridges {
        if so_far == Atomics::Completer {
            so_far = match bridge.passes() {
                Some(true) => Atomics::Completer,
                Some(false) => Atomics::None(Some(bridge.address)),
                None => Atomics::Unknown,
            };
        }
        match bridge.port {
            Some(PortType::RootPort) => return so_far,
            Some(_) => (),
            // It may or may not be the root port.
            None => return Atomics::Unknown,
        }
    }
    // No root port is visible, as in a guest. The hypervisor may have enabled the card's requests;
    // this trusts it, whatever the bridges are.
    match card.control.has(REQUESTS) {
        Some(true) => Atomics::Completer,
        Some(false) => Atomics::None(None),
        None => Atomics::Unknown,
    }
}
