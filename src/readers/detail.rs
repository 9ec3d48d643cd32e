// SPDX-License-Identifier: GPL-2.0

//! How much a reader finds out.

/// How much to find out about a card.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The facts that the rules compare with KFD's claims. The PCI core remembers them or sysfs
    /// shows them, so the reader waits for nobody. This omits the driver's name: only amdgpu
    /// creates the render node that KFD names.
    RuleFacts,
    /// Also KFD's id, the driver, its firmware and configuration space. Reading configuration space
    /// needs the bus to stay, so the reader waits for changes of the bus in progress.
    AllFacts,
}
