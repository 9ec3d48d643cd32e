// SPDX-License-Identifier: GPL-2.0

//! Safe wrappers for kernel functions that the kernel crate has no suitable abstraction for. They
//! contain all `unsafe` code of the module.

pub(crate) mod credentials;
pub(crate) mod debugfs;
pub(crate) mod notifier;
pub(crate) mod pci;
pub(crate) mod sysfs;
pub(crate) mod uevent;
pub(crate) mod work;
