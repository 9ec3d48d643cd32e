// SPDX-License-Identifier: GPL-2.0

//! Reports what is true of a Navi10 (1002:731f), and what KFD claims of it.
//!
//! Data flows one way: `readers` → `facts` → `rules` → `text` → `publish`; `observe` reads again until
//! what it reads can be believed. Facts, rules and text are pure and are tested on the host
//! (`lib.rs`).

// The host has the same files as a library, and uses more of them.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod compat;
mod facts;
mod observe;
mod publish;
mod raw;
mod readers;
mod rules;
mod text;

/// KFD's UAPI, made by bindgen from this kernel's own headers.
#[allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    dead_code,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks
)]
mod uapi {
    use kernel::ffi;

    include!("../rust-bindings/kfd_uapi.rs");
}

use kernel::{
    pci,
    prelude::*, //
};

use publish::Guard;

// The alias lets udev load the module where the card is. No driver is registered, so the module
// never binds to it.
compat::pci_device_table!(
    PCI_TABLE,
    MODULE_PCI_TABLE,
    [pci::DeviceId::from_id(
        pci::Vendor::ATI,
        facts::pci::DEVICE_NAVI10 as u32
    )]
);

module! {
    type: Guard,
    name: "rdna1_kfd_guard",
    authors: ["The rdna1_kfd_guard maintainers"],
    description: "Reports what is true of a Navi10 and what KFD claims of it",
    license: "GPL",
}

/// What `modinfo` shows as the version; the `module!` macro has no key for it. The attribute is that
/// of the macro, too: with another, newer compilers make a second section, and the module cannot be
/// loaded.
#[link_section = ".modinfo"]
#[used(compiler)]
static MODINFO_VERSION: [u8; 14] = *b"version=0.1.0\0";
