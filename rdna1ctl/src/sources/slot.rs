// SPDX-License-Identifier: GPL-2.0

//! The link between a card and its slot.
//!
//! Navi10 cards have a PCI Express switch of their own between the slot and the GPU. The GPU's link
//! goes to that switch, and always runs at its maximum. The link to the slot is the one of the
//! switch's upstream port (seen on an RX 5700 XT in a Thunderbolt case: ewagner12/all-ways-egpu
//! issue 37).

use std::path::Path;

use rdna1_kfd_guard::host::is_awake;
use schemars::JsonSchema;
use serde::Serialize;

use crate::root::Root;

/// The device id of the switch's upstream port, from `pci.ids`.
const UPSTREAM: &str = "0x1478";
/// The device id of the switch's downstream port.
const DOWNSTREAM: &str = "0x1479";

/// The link between a slot and a card's own switch. Its speeds and lanes are unknown while the card
/// or a bridge above it sleeps.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SlotLink {
    /// The PCI address of the switch's upstream port.
    pub port: String,
    /// Its speed now, in GT/s.
    pub gts: Option<f64>,
    /// Its lanes now.
    pub width: Option<u64>,
    /// Its maximum speed, in GT/s.
    pub gts_max: Option<f64>,
    /// Its maximum lanes.
    pub width_max: Option<u64>,
}

impl SlotLink {
    /// The link of the card at this PCI address, if it has such a switch.
    pub fn read(root: &Root, address: &str) -> Option<Self> {
        let base = root.folder().canonicalize().ok()?;
        let card = root.path(format!("/sys/bus/pci/devices/{address}"));
        let card = card.canonicalize().ok()?;
        let mut above = card.ancestors().skip(1);
        let (downstream, upstream) = (above.next()?, above.next()?);
        let text = |place: &Path, name: &str| root.text(place.strip_prefix(&base).ok()?.join(name));
        let is = |place: &Path, device: &str| {
            text(place, "vendor").as_deref() == Some("0x1002")
                && text(place, "device").as_deref() == Some(device)
        };
        if !is(downstream, DOWNSTREAM) || !is(upstream, UPSTREAM) {
            return None;
        }
        let is_awake = is_awake(&card);
        let of_link = |name: &str| is_awake.then(|| text(upstream, name)).flatten();
        // Such as `16.0 GT/s PCIe` and `16`. The kernel prints `Unknown` and 255 if it knows none.
        let gts = |name: &str| of_link(name)?.split(' ').next()?.parse().ok();
        let width = |name: &str| {
            let width = of_link(name)?.parse().ok();
            width.filter(|&width| width != 0 && width <= 32)
        };
        Some(Self {
            port: upstream.file_name()?.to_str()?.to_owned(),
            gts: gts("current_link_speed"),
            width: width("current_link_width"),
            gts_max: gts("max_link_speed"),
            width_max: width("max_link_width"),
        })
    }
}
