// SPDX-License-Identifier: GPL-2.0

//! Where the kernel crate differs between the kernels that this module is built for, and nowhere
//! else. `Kbuild` sets `kernel_7_3` from Linux 7.3 on.

use kernel::prelude::*;

/// This module, as the kernel knows it.
#[cfg(kernel_7_3)]
pub(crate) const fn this_module() -> &'static ThisModule {
    kernel::module::this_module::<crate::LocalModule>()
}

#[cfg(not(kernel_7_3))]
pub(crate) const fn this_module() -> &'static ThisModule {
    &crate::THIS_MODULE
}

/// Lists the PCI functions that the module is for, without information of its own on any.
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
