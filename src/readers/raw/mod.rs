// SPDX-License-Identifier: GPL-2.0

//! Small safe types over kernel functions that the kernel crate has no abstraction for.

pub(crate) mod debugfs;
pub(crate) mod pci;
pub(crate) mod sysfs;
