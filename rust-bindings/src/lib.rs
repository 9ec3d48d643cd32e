// SPDX-License-Identifier: GPL-2.0

//! KFD's UAPI, for the host: the constants and structs of `kfd_sysfs.h` and `kfd_ioctl.h`.
//!
//! The kernel module gets its own bindings from Kbuild. The headers define and document all names.

#![no_std]

pub use self::generated::*;

// The names follow C, and bindgen's accessors of incomplete arrays have no SAFETY comments.
#[allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]
mod generated {
    use core::ffi;

    include!(concat!(env!("OUT_DIR"), "/kfd_uapi.rs"));
}

/// The folder of the headers that these bindings were generated from.
pub const HEADERS: &str = env!("KFD_UAPI_HEADERS");
