// SPDX-License-Identifier: GPL-2.0

//! Readers: ask the kernel for facts.

mod detail;
mod kfd;
mod memory;
mod path;
mod pci;
mod text;

pub(crate) use self::{
    detail::Detail,
    kfd::KfdTopology,
    memory::{
        Kernel,
        Tree, //
    },
    pci::{
        id,
        KernelPciBus, //
    },
    text::Text, //
};
