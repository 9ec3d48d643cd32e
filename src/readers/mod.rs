// SPDX-License-Identifier: GPL-2.0

//! Readers, which ask the kernel for facts.

mod detail;
mod file;
mod kfd;
mod pci;

pub(crate) use self::{
    detail::Detail,
    kfd::KfdTopology,
    pci::{
        id,
        KernelPciBus, //
    }, //
};
