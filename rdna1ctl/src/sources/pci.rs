// SPDX-License-Identifier: GPL-2.0

//! All graphics cards of AMD's on the PCI bus, to name those that are none of ours.

use serde::Serialize;

use schemars::JsonSchema;

use crate::root::Root;

use super::slot::SlotLink;

/// A graphics card of AMD's.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Gpu {
    /// The PCI address.
    pub gpu: String,
    /// The PCI device, hexadecimal with `0x`.
    pub device: String,
    /// The devices that the kernel's graphics core made for it, as `card0` and `renderD128`.
    pub drm: Vec<String>,
    /// The link to its slot, if it has a switch of its own.
    #[serde(skip)]
    pub slot_link: Option<SlotLink>,
}

impl Gpu {
    /// Whether it is the device that this project is about.
    pub fn is_ours(&self) -> bool {
        self.device == "0x731f"
    }
}

/// Every function of AMD's that is a display controller (class 03).
pub fn gpus(root: &Root) -> Vec<Gpu> {
    let folder = "/sys/bus/pci/devices";
    let found = root.names(folder).into_iter().filter_map(|address| {
        let file = |name: &str| root.text(format!("{folder}/{address}/{name}"));
        let ours = file("vendor")? == "0x1002" && file("class")?.starts_with("0x03");
        ours.then_some(())?;
        let drm = root.names(format!("{folder}/{address}/drm")).into_iter();
        Some(Gpu {
            device: file("device")?,
            slot_link: SlotLink::read(root, &address),
            drm: drm
                .filter(|name| name.starts_with("card") || name.starts_with("renderD"))
                .collect(),
            gpu: address,
        })
    });
    found.collect()
}
