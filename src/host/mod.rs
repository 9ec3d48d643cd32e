// SPDX-License-Identifier: GPL-2.0

//! Host-only code: reads captures, or a running system's sysfs, as `readers` does in the module.

mod capture;
mod doubts;
mod live;
mod live_pci;
mod pci_file;

pub use self::{
    capture::Capture,
    doubts::doubts,
    live::LiveTopology,
    live_pci::{
        is_awake,
        LivePci, //
    },
    pci_file::PciFile, //
};
