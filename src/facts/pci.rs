// SPDX-License-Identifier: GPL-2.0

//! The PCI core's facts about a function.

use core::fmt;

use super::{
    atomics::Atomics,
    map::OutOfMemory,
    value::Value, //
};

pub use super::address::Address;

/// AMD (`PCI_VENDOR_ID_ATI`, `include/linux/pci_ids.h`).
pub const VENDOR_ATI: u16 = 0x1002;

/// Navi10 as sold in the RX 5600 XT, 5700 and 5700 XT (`pciidlist[]`,
/// `drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c`).
pub const DEVICE_NAVI10: u16 = 0x731f;

/// Vendor and device, or subsystem vendor and subsystem device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Id {
    /// The vendor.
    pub vendor: u16,
    /// The vendor's number for the device.
    pub device: u16,
}

impl Id {
    /// The device that this project is about.
    pub const NAVI10: Self = Self {
        vendor: VENDOR_ATI,
        device: DEVICE_NAVI10,
    };
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04x}:0x{:04x}", self.vendor, self.device)
    }
}

/// The driver of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driver {
    /// The source of PCI facts does not provide this.
    #[default]
    NotSaid,
    /// The source provides this, but it could not be read.
    Unreadable,
    /// No driver is bound.
    None,
    /// The driver of that name.
    Named(Name),
}

impl Driver {
    /// Whether it is the driver that KFD is part of.
    pub fn is_amdgpu(&self) -> bool {
        matches!(self, Self::Named(name) if name.as_str() == "amdgpu")
    }
}

/// The DRM render node of a function, `drm/renderD<minor>` below it in sysfs.
///
/// amdgpu registers it as the last step of its probe (`amdgpu_pci_probe()`, `amdgpu_drv.c`), after
/// KFD has published its node, and removes it first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RenderNode {
    /// The source of PCI facts does not provide this.
    #[default]
    NotSaid,
    /// There is none: no graphics driver is bound, or it is still probing.
    None,
    /// The one with that minor number.
    Minor(u64),
}

/// Whether a function sleeps: runtime-suspended, or in a power state other than D0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Power {
    /// The source of PCI facts does not provide this.
    #[default]
    Unknown,
    /// The function is awake.
    Active,
    /// Reading its configuration space would fail, or wake it.
    Asleep,
}

/// A short name that is safe to print as a value: no blank, quote, control or non-ASCII byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Name {
    /// The longest name, in bytes.
    const CAPACITY: usize = 32;

    /// Takes `text` if it is not empty, not too long and safe to print.
    pub fn new(text: &[u8]) -> Option<Self> {
        let safe = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'=');
        if text.is_empty() || !text.iter().all(safe) {
            return None;
        }
        let mut bytes = [0; Self::CAPACITY];
        for (place, &byte) in bytes.get_mut(..text.len())?.iter_mut().zip(text) {
            *place = byte;
        }
        Some(Self {
            bytes,
            length: text.len(),
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..self.length)
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or("?")
    }
}

/// The speed and width of a PCI Express link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpressLink {
    /// As in Link Status and Link Capabilities (PCI Express Base Specification 7.5.3): 1 stands for
    /// 2.5 GT/s, 2 for 5 GT/s, and each further code for about double.
    pub speed_code: Value,
    /// Lanes.
    pub width: Value,
}

impl ExpressLink {
    /// Reads Link Status (`PCI_EXP_LNKSTA_CLS`, `PCI_EXP_LNKSTA_NLW`) or Link Capabilities
    /// (`PCI_EXP_LNKCAP_SLS`, `PCI_EXP_LNKCAP_MLW`), which have both in the same place
    /// (`include/uapi/linux/pci_regs.h`).
    pub fn of_register(register: Value) -> Self {
        let field = |shift: u32, mask: u64| {
            register.map(|register| register.checked_shr(shift).unwrap_or(0) & mask)
        };
        Self {
            speed_code: field(0, 0xf),
            width: field(4, 0x3f),
        }
    }
}

/// A function on the PCI bus. By default, nothing about it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// Its address.
    pub address: Address,
    /// Its vendor and device, from configuration space.
    pub id: Id,
    /// Its subsystem, if it is known.
    pub subsystem: Option<Id>,
    /// Its revision.
    pub revision: Value,
    /// The size of BAR0 in bytes; 0 if it has none.
    pub bar0_bytes: Value,
    /// The driver bound to it.
    pub driver: Driver,
    /// Its render node.
    pub render_node: RenderNode,
    /// All VRAM that amdgpu found, in bytes (`mem_info_vram_total`, `amdgpu_vram_mgr.c`).
    pub vram_total_bytes: Value,
    /// The version of the MEC firmware that amdgpu loaded (`fw_version/mec_fw_version`,
    /// `amdgpu_ucode.c`).
    pub mec_fw: Value,
    /// Whether it sleeps.
    pub power: Power,
    /// The current state of its link to the slot.
    pub link: ExpressLink,
    /// The maximum of its link to the slot.
    pub link_at_most: ExpressLink,
    /// How far its AtomicOps get.
    pub atomics: Atomics,
}

impl Function {
    /// Whether amdgpu drives the function now, and created the node that prints this
    /// `drm_render_minor` for it.
    ///
    /// amdgpu keeps an old node until the last program closes its render node, whatever happens to
    /// the function meanwhile. A fact that the source does not provide counts as a match.
    pub fn is_driven_for(&self, render_minor: Value) -> bool {
        let driven = self.driver.is_amdgpu() || self.driver == Driver::NotSaid;
        driven
            && match (self.render_node, render_minor) {
                (RenderNode::NotSaid, _) => true,
                (RenderNode::None, _) | (_, Value::Unreadable) => false,
                // Kernels before 4.18 print no minor.
                (RenderNode::Minor(_), Value::Absent) => true,
                (RenderNode::Minor(minor), Value::Known(printed)) => minor == printed,
            }
    }
}

/// A source of PCI facts.
pub trait PciBus {
    /// Calls `each` with every function that is a [`Id::NAVI10`], until it fails.
    fn cards(
        &mut self,
        each: impl FnMut(Function) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory>;

    /// The function at `address`, if one is known to be there.
    fn function_at(&mut self, address: Address) -> Result<Option<Function>, OutOfMemory>;
}
