// SPDX-License-Identifier: GPL-2.0

//! Small safe types over kernel functions that the kernel crate has no fitting abstraction for. All
//! `unsafe` of the module is here.

pub(crate) mod credentials;
pub(crate) mod debugfs;
pub(crate) mod notifier;
pub(crate) mod pci;
pub(crate) mod sysfs;
pub(crate) mod uevent;
pub(crate) mod work;
