// SPDX-License-Identifier: GPL-2.0

//! Wrappers for parts of the kernel crate that differ between the supported kernels. No other file
//! depends on the kernel version. `Kbuild` sets `kernel_7_3` for Linux 7.3 and later.

use kernel::prelude::*;

/// The kernel's handle for this module.
#[cfg(kernel_7_3)]
pub(crate) const fn this_module() -> &'static ThisModule {
    kernel::module::this_module::<crate::LocalModule>()
}

#[cfg(not(kernel_7_3))]
pub(crate) const fn this_module() -> &'static ThisModule {
    &crate::THIS_MODULE
}

/// Declares the PCI functions that the module handles, without per-device data.
#[cfg(kernel_7_3)]
macro_rules! pci_device_table {
    ($table:ident, $exported:ident, [$($id:expr),*]) => {
        kernel::pci_device_table!($table, @none, [$($id),*]);
    };
}

#[cfg(not(kernel_7_3))]
macro_rules! pci_device_table {
    ($table:ident, $exported:ident, [$($id:expr),*]) => {
        kernel::pci_device_table!($table, $exported, (), [$(($id, ())),*]);
    };
}

pub(crate) use pci_device_table;
