// SPDX-License-Identifier: GPL-2.0

//! Why rules about a card could not be judged.
//!
//! amdgpu keeps a node of KFD until the last program closes the card's render node, even if the
//! card changes or goes away meanwhile. The core does not compare such a node with the PCI bus or
//! with amdgpu, because it may describe an earlier state of the card.

use rdna1_records::{Record, UNKNOWN};
use schemars::JsonSchema;
use serde::Serialize;

use crate::sources::pages::Pages;

/// Why rules could not be judged, as far as the records tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The PCI bus has no such card at the node's address.
    Removed,
    /// KFD lists several nodes for the card.
    SeveralNodes,
    /// amdgpu does not drive the card.
    NotDriven,
    /// amdgpu drives the card, but did not make this node for it.
    OldNode,
}

/// How to make amdgpu remove an old node.
pub const CLOSE_PROGRAMS: &str =
    "if nothing changes: close the programs that hold the card's render node, or reboot; amdgpu \
     keeps the node until the last of them closes it";

/// How to find those programs, even if the device file is gone.
pub const FIND_PROGRAMS: &str =
    "sudo find /proc/[0-9]*/fd -lname '/dev/dri/render*' lists them by process id";

impl Cause {
    /// Why rules about the card at that address could not be judged; `None` if every rule was
    /// judged, or the records do not tell.
    pub fn of(pages: &Pages, gpu: &str) -> Option<Self> {
        if pages.only_in_kfd().any(|card| is_at(card, gpu)) {
            // A node that names no address may belong to any card.
            let is_unknown = pages.verdict_of(gpu) == Some("unknown");
            return (is_unknown && gpu != UNKNOWN).then_some(Self::Removed);
        }
        let mut unknown = pages.checks_with(Some(gpu), "unknown");
        if !unknown.any(is_readable_comparison) {
            return None;
        }
        if pages.nodes_of(gpu).len() > 1 {
            return Some(Self::SeveralNodes);
        }
        let card = pages.gpus.iter().find(|card| is_at(card, gpu))?;
        match card.find("driver")? {
            UNKNOWN => None,
            "amdgpu" if is_judged_otherwise(pages, gpu) => Some(Self::OldNode),
            "amdgpu" => None,
            _ => Some(Self::NotDriven),
        }
    }

    /// The cause in words.
    pub fn says(self) -> &'static str {
        match self {
            Self::Removed => {
                "the PCI bus has no such card at this address, and KFD still lists the node of a card \
                 that was removed"
            }
            Self::SeveralNodes => {
                "KFD lists this card several times, and only one node can be the current one"
            }
            Self::NotDriven => {
                "amdgpu does not drive this card, and KFD still lists the node of when it did"
            }
            Self::OldNode => {
                "KFD's node is an older one than the driver that is bound now, or amdgpu is still \
                 probing"
            }
        }
    }
}

fn is_at(record: &Record, gpu: &str) -> bool {
    record.find("gpu") == Some(gpu)
}

/// Whether the record belongs to a rule that compares with the PCI bus, and both values were read.
/// If so, the core chose not to compare them.
fn is_readable_comparison(check: &Record) -> bool {
    let is_read = |key: &str| {
        check
            .find(key)
            .is_some_and(|value| !value.contains(UNKNOWN))
    };
    check.find("rule") == Some("pci-identity") && is_read("expected") && is_read("observed")
}

/// Whether the rules that only compare facts of KFD were judged. While KFD changes a node, none is.
fn is_judged_otherwise(pages: &Pages, gpu: &str) -> bool {
    let judged = pages.checks.iter().filter(|check| is_at(check, gpu));
    let mut judged = judged.filter_map(|check| check.find("verdict"));
    judged.any(|verdict| matches!(verdict, "truth" | "lie"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_was_not_read_is_no_reason_of_the_nodes() {
        let check = |observed: &str| {
            let line = format!(
                "gpu=0000:03:00.0 node=1 bank=- rule=pci-identity expected=0x1002:0x731f \
                 observed={observed} verdict=unknown"
            );
            Record::parse(&line).unwrap()
        };
        assert!(is_readable_comparison(&check("0x1002:0x731f")));
        assert!(!is_readable_comparison(&check("?")));
        assert!(!is_readable_comparison(&check("?:0x731f")));
    }
}
