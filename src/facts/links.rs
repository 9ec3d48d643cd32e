// SPDX-License-Identifier: GPL-2.0

//! Links, and a summary of a card's links.

use crate::uapi;

use super::{
    properties::properties,
    value::Value, //
};

properties! {
    /// The lines of `nodes/<n>/io_links/<l>/properties` that the facts need.
    pub struct LinkProperties {
        /// `HSA_IOLINK_TYPE_*`.
        kind = "type",
        /// The node that the link leads to.
        node_to,
        /// `HSA_IOLINK_FLAGS_*` bits.
        flags,
    }
}

pub(super) const XGMI: Value = Value::Known(uapi::HSA_IOLINK_TYPE_XGMI as u64);
pub(super) const PCI_EXPRESS: Value = Value::Known(uapi::HSA_IOLINK_TYPE_PCIEXPRESS as u64);

/// A summary of all links of a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The number of XGMI links from or to the card.
    pub xgmi: Value,
    /// The flags of the PCIe link from a CPU node to the card, if there is one.
    pub from_cpu: Value,
    /// The flags of the card's first PCIe link, which leads to the CPU.
    pub to_cpu: Value,
    /// The number of XGMI links from the card's node to GPUs, less those that a GPU's link to its
    /// CPU explains.
    ///
    /// KFD adds a reverse link for each GPU's link to its CPU, at the node whose number is the
    /// CPU's NUMA number (`kfd_parse_subtype_iolink()`, `kfd_crat.c`). That node may be a card.
    pub(super) unexplained: i64,
    /// Whether XGMI links lead from the card's node to unread nodes, which may explain them.
    pub(super) has_unread_xgmi_end: bool,
}

impl Links {
    /// Links that all say `value`.
    pub(super) const fn all(value: Value) -> Self {
        Self {
            xgmi: value,
            from_cpu: value,
            to_cpu: value,
            unexplained: 0,
            has_unread_xgmi_end: false,
        }
    }

    /// Records a link of a card's own node. `end` says whether the node at the other end has CPUs;
    /// `None` if that node was not read.
    pub(super) fn note_own(
        &mut self,
        link: &LinkProperties,
        end: Option<bool>,
        leads_to_own_cpu: bool,
    ) {
        if link.kind() == XGMI {
            match end {
                Some(true) => self.xgmi = more(self.xgmi, 1),
                None if !leads_to_own_cpu => self.has_unread_xgmi_end = true,
                _ => self.unexplained = self.unexplained.saturating_add(1),
            }
        } else if link.kind() == PCI_EXPRESS && self.to_cpu == Value::Absent {
            self.to_cpu = link.flags();
        }
    }

    /// Decides about the XGMI links that need the links of all nodes.
    pub(super) fn explain(&mut self, unread_nodes: bool) {
        let unexplained = u64::try_from(self.unexplained).unwrap_or(0);
        let is_unclear = self.has_unread_xgmi_end || (unread_nodes && unexplained != 0);
        if is_unclear && self.xgmi.is_zero() {
            self.xgmi = Value::Unreadable;
        }
        if self.xgmi != Value::Unreadable {
            self.xgmi = more(self.xgmi, unexplained);
        }
    }
}

/// The number `links` plus `others`; an unknown number counts as 0.
pub(super) fn more(links: Value, others: u64) -> Value {
    Value::Known(links.known().unwrap_or(0).saturating_add(others))
}

/// The worse of two links' flags from a CPU. Coherent is worst, then unknown, then not filled in.
pub(super) fn worse(one: Value, other: Value) -> Value {
    let badness = |flags: Value| match flags {
        Value::Known(0) => 2,
        Value::Known(flags) if flags & u64::from(uapi::HSA_IOLINK_FLAGS_NON_COHERENT) != 0 => 1,
        Value::Known(_) => 4,
        Value::Unreadable => 3,
        Value::Absent => 0,
    };
    if badness(other) > badness(one) {
        other
    } else {
        one
    }
}
