// SPDX-License-Identifier: GPL-2.0

//! All of AMD's graphics cards on the PCI bus, to name those that rdna1ctl does not cover.

use serde::Serialize;

use schemars::JsonSchema;

use crate::root::Root;

use super::slot::SlotLink;

/// One of AMD's graphics cards.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Gpu {
    /// The PCI address.
    pub gpu: String,
    /// The PCI device, hexadecimal with `0x`.
    pub device: String,
    /// Its DRM devices, such as `card0` and `renderD128`.
    pub drm: Vec<String>,
    /// Its DRM devices with a number (`dev`). The kernel makes a file in `/dev` only for these.
    #[serde(skip)]
    pub numbered: Vec<String>,
    /// The link to its slot, if the card has a switch of its own.
    #[serde(skip)]
    pub slot_link: Option<SlotLink>,
}

impl Gpu {
    /// Whether it is the device that this project covers.
    pub fn is_ours(&self) -> bool {
        self.device == "0x731f"
    }
}

/// Every function with AMD's vendor id and the class of a display controller (03).
pub fn gpus(root: &Root) -> Vec<Gpu> {
    let folder = "/sys/bus/pci/devices";
    let found = root.names(folder).into_iter().filter_map(|address| {
        let file = |name: &str| root.text(format!("{folder}/{address}/{name}"));
        let ours = file("vendor")? == "0x1002" && file("class")?.starts_with("0x03");
        ours.then_some(())?;
        let own = format!("{folder}/{address}/drm");
        let mut drm = root.names(&own);
        drm.retain(|name| name.starts_with("card") || name.starts_with("renderD"));
        let numbered = drm.iter();
        let numbered = numbered.filter(|name| root.has(format!("{own}/{name}/dev")));
        Some(Gpu {
            device: file("device")?,
            slot_link: SlotLink::read(root, &address),
            numbered: numbered.cloned().collect(),
            drm,
            gpu: address,
        })
    });
    found.collect()
}
