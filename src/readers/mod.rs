// SPDX-License-Identifier: GPL-2.0

//! Readers: ask the kernel for facts.

mod detail;
mod kfd;
mod path;
mod pci;
mod text;

pub(crate) use self::{
    detail::Detail,
    kfd::KfdTopology,
    pci::{
        id,
        KernelPciBus, //
    },
    text::Text, //
};
