// SPDX-License-Identifier: GPL-2.0

//! Recognises a memory leak of KFD itself, so that leak checks do not blame the module for it.

use modproof_guest::KnownLoss;

/// When a node is removed, KFD unlists the other nodes' links to it but does not free them
/// (`kfd_topology_update_io_links()`, `kfd_topology.c`).
pub const OF_KFD: KnownLoss = KnownLoss {
    what: "links to cards that went, which KFD lost (the fixture's README, Limits)",
    matches: is_link_of_kfd,
};

/// Whether a kmemleak backtrace is the allocation of a KFD link.
fn is_link_of_kfd(names: &[&str]) -> bool {
    // The functions that allocate links, and the functions into which the compiler may inline them.
    const MAKERS: [&str; 7] = [
        "kfd_parse_subtype_iolink",
        "kfd_parse_subtype",
        "kfd_parse_crat_table",
        "kfd_add_peer_prop",
        "kfd_create_indirect_link_prop",
        "kfd_dev_create_p2p_links",
        "kfd_topology_add_device",
    ];
    let allocates = |name: &str| name.starts_with("kmemdup") || name.starts_with("__kmalloc_cache");
    let made = |pair: &[&str]| allocates(pair[0]) && MAKERS.contains(&pair[1]);
    names.windows(2).any(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_link_is_a_known_loss() {
        for (names, yes) in [
            (&["kmemdup_noprof", "kfd_parse_crat_table", "f"][..], true),
            (&["x", "kmemdup_noprof", "kfd_parse_subtype_iolink"], true),
            (&["__kmalloc_cache_noprof", "kfd_add_peer_prop"], true),
            (&["__kmalloc_cache_noprof", "kfd_parse_subtype_mem"], false),
            (&["kzalloc_noprof", "kfd_parse_crat_table"], false),
            (&["kmemdup_noprof", "f", "kfd_parse_crat_table"], false),
            (&["kmemdup_noprof", "0xffffffffa001cf98"], false),
            (&["kmemdup_noprof"], false),
        ] {
            assert_eq!(is_link_of_kfd(names), yes, "{names:?}");
        }
    }
}
