// SPDX-License-Identifier: GPL-2.0

//! Readers: ask the kernel for facts.
//!
//! All `unsafe` of the module is below `raw`.

mod kfd;
mod memory;
mod pci;
pub(crate) mod raw;

pub(crate) use self::{
    kfd::KfdTopology,
    memory::Kernel,
    pci::KernelPciBus, //
};
