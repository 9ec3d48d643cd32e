// SPDX-License-Identifier: GPL-2.0

//! Compares KFD's claims about a Navi10 (1002:731f) with the hardware, and reports the result.
//!
//! Data flows one way: `readers` → `facts` → `rules` → `text` → `publish`. `observe` repeats the
//! reading while KFD changes, and to confirm a mismatch. Facts, rules and text are pure: `lib.rs`
//! builds them for tests on the host.

// `lib.rs` compiles the same files for the host, which uses more of their items.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod compat;
mod facts;
mod observe;
mod publish;
mod raw;
mod readers;
mod rules;
mod text;

/// KFD's UAPI constants. `Kbuild` lets bindgen generate them from the target kernel's own headers.
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

// The alias lets udev load the module on a machine with the card. The module registers no driver,
// so it never binds to the card.
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

/// The version that `modinfo` shows: the `module!` macro has no key for it.
///
/// `used(compiler)` must match the macro's own attribute. With any other, newer compilers emit a
/// second `.modinfo` section, and the kernel cannot load the module.
#[link_section = ".modinfo"]
#[used(compiler)]
static MODINFO_VERSION: [u8; 14] = *b"version=0.1.0\0";
