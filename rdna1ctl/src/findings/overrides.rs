// SPDX-License-Identifier: GPL-2.0

//! Overrides of the ISA, as `libhsakmt/src/topology.c` reads them.

use crate::sources::processes::Variable;
use crate::sources::Facts;

/// The variable for all GPUs that have no variable of their own.
pub const FOR_ALL: &str = "HSA_OVERRIDE_GFX_VERSION";

/// The prefix of the variable for one node; the node's number follows.
const FOR_NODE: &str = "HSA_OVERRIDE_GFX_VERSION_";

/// The node whose ISA a variable overrides, if it is a variable for one node.
pub fn node(name: &str) -> Option<u32> {
    let number = name.strip_prefix(FOR_NODE)?;
    let node = number.parse::<u32>().ok()?;
    // The library builds the name from the number, so it never reads a name that ends with 01.
    (node.to_string() == number).then_some(node)
}

/// Whether a variable can make libraries take a 0x731f for another GPU: it is for all GPUs, or for
/// a node of the card.
pub fn concerns(facts: &Facts, name: &str) -> bool {
    let nodes = facts.card_nodes();
    let is_ours = |node| nodes.is_empty() || nodes.contains(&node);
    facts.has_card() && (name == FOR_ALL || node(name).is_some_and(is_ours))
}

/// Whether each node of the card has its own variable besides the one for all. The libhsakmt in
/// ROCr 6.4 uses the node's variable; libhsakmt 6.2.4 does not know it (docs/truth.md, section 9).
pub fn is_covered(facts: &Facts, name: &str, variables: &[Variable]) -> bool {
    let nodes = facts.card_nodes();
    let has_own = |one: &u32| variables.iter().any(|(other, _)| node(other) == Some(*one));
    name == FOR_ALL && !nodes.is_empty() && nodes.iter().all(has_own)
}

/// Parses a version like the library: `%u.%u.%u` and nothing after it, major up to 63, minor and
/// stepping up to 255.
pub fn version(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.split('.').map(|word| word.trim_start().parse::<u32>());
    let mut next = || numbers.next()?.ok();
    let version = [next()?, next()?, next()?];
    let [major, minor, step] = version;
    let is_taken = numbers.next().is_none() && major <= 63 && minor <= 255 && step <= 255;
    is_taken.then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_libhsakmt_does() {
        for text in ["10.3.0", " 10.3.0", "10. 3.0"] {
            assert_eq!(version(text), Some([10, 3, 0]), "{text}");
        }
        for text in [
            "", "10", "10.3", "10.3.0.1", "10.3.0 ", "10.3.0a", "gfx1030", "64.0.0", "10.256.0",
            "10.-3.0",
        ] {
            assert_eq!(version(text), None, "{text}");
        }
    }

    #[test]
    fn nodes_are_named_as_libhsakmt_does() {
        assert_eq!(node("HSA_OVERRIDE_GFX_VERSION_12"), Some(12));
        for end in ["", "_", "_01", "_+1", "_x", "_$(reboot)"] {
            assert_eq!(node(&format!("{FOR_ALL}{end}")), None, "{end}");
        }
    }
}
