// SPDX-License-Identifier: GPL-2.0

//! How much a reader is to find out.

/// How much of what can be known of a card.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What KFD's claims are compared with. The PCI core remembers it, or it stands in sysfs: nobody
    /// is waited for. The driver's name is not asked for: only amdgpu makes the very render node that
    /// KFD names.
    Compared,
    /// KFD's id, the driver, its firmware and what is in configuration space, too. Reading the last
    /// needs the bus to stay, and so waits for whoever changes it.
    Everything,
}
