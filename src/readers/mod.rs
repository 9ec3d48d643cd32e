// SPDX-License-Identifier: GPL-2.0

//! Readers: ask the kernel for facts.

mod kfd;
mod memory;
mod pci;
mod text;

pub(crate) use self::{
    kfd::KfdTopology,
    memory::{
        Kernel,
        Tree, //
    },
    pci::{
        id,
        Detail,
        KernelPciBus, //
    },
    text::Text, //
};
