// SPDX-License-Identifier: GPL-2.0

//! Tests of the rules about links: present ones, missing ones, and those of old kernels.

mod common;

use common::{
    Bus,
    Found,
    Tree, //
};
use rdna1_kfd_guard::{
    facts::topology::{
        File,
        Folder,
        LinkFolder,
        ReadError, //
    },
    observe::ATTEMPTS,
    rules::RULES, //
};

const NODE: File = File::Node(1);
const LINK_FROM_CPU: File = File::Link(LinkFolder::Io(0), 0);
const LINK_OF_CARD: File = File::Link(LinkFolder::Io(1), 0);

#[test]
fn links_that_are_announced_and_not_there_are_unknown() {
    for folder in [LinkFolder::Io(0), LinkFolder::Io(1)] {
        for links in [Ok(vec![]), Err(ReadError::Absent)] {
            let found = Found::after(|tree, _| {
                tree.files.remove(&File::Link(folder, 0).to_string());
                tree.folders
                    .insert(Folder::Links(folder).to_string(), links.clone());
            });
            assert_eq!(found.rules("lie"), [""; 0]);
            assert!(found.rules("unknown").contains(&"link-coherent".to_owned()));
            // KFD may still be creating them.
            assert_eq!(found.tally.scans, u64::from(ATTEMPTS));
        }
    }
}

#[test]
fn links_that_may_not_be_read_are_unknown() {
    for (folder, rules) in [
        (LinkFolder::Io(0), vec!["xgmi", "link-coherent"]),
        (LinkFolder::Io(1), vec!["xgmi"]),
        (LinkFolder::PeerToPeer(1), vec!["xgmi"]),
    ] {
        let found = Found::after(|tree, _| {
            if !folder.is_direct() {
                add_link(tree, folder, "");
            }
            tree.fail(File::Link(folder, 0), ReadError::Denied);
        });
        assert_eq!(found.rules("lie"), [""; 0]);
        assert_eq!(found.rules("unknown"), rules);
    }
}

/// Adds a link to `folder` and counts it at its node.
fn add_link(tree: &mut Tree, folder: LinkFolder, text: &str) {
    let (node, count) = match folder {
        LinkFolder::Io(node) => (node, "io_links_count"),
        LinkFolder::PeerToPeer(node) => (node, "p2p_links_count"),
    };
    let node = File::Node(node);
    let number = tree.get(node, count);
    tree.set(node, count, &(number + 1).to_string());
    tree.put(File::Link(folder, number), text);
}

#[test]
fn the_worst_link_from_a_cpu_counts() {
    // With several sockets, the other CPU has an indirect link.
    for folder in [LinkFolder::Io(0), LinkFolder::PeerToPeer(0)] {
        let bad = Found::after(|tree, _| add_link(tree, folder, "type 2\nnode_to 1\nflags 1\n"));
        bad.expect_only("link-coherent", "lie");
        let good = Found::after(|tree, _| {
            tree.set(LINK_FROM_CPU, "flags", "1");
            add_link(tree, folder, "type 2\nnode_to 1\nflags 3\n");
        });
        good.expect_only("link-coherent", "lie");
        let elsewhere =
            Found::after(|tree, _| add_link(tree, folder, "type 2\nnode_to 5\nflags 1\n"));
        assert_eq!(elsewhere.rules("truth").len(), RULES.len());
    }
}

#[test]
fn an_xgmi_link_is_seen_beside_one_that_cannot_be_read() {
    for folder in [LinkFolder::Io(1), LinkFolder::PeerToPeer(1)] {
        let found = Found::after(|tree, _| {
            tree.put(LINK_OF_CARD, "garbage\n");
            add_link(tree, folder, "type 11\nnode_to 0\nflags 1\n");
        });
        assert_eq!(found.rules("lie"), ["xgmi"]);
        assert_eq!(found.flags()[0]["claimed_xgmi"], "1");
    }
}

#[test]
fn an_xgmi_link_to_the_card_is_a_claim_of_xgmi() {
    for folder in [LinkFolder::Io(0), LinkFolder::PeerToPeer(0)] {
        let found = Found::after(|tree, _| {
            add_link(tree, folder, "type 11\nnode_to 1\nflags 3\n");
        });
        found.expect_only("xgmi", "lie");
        assert_eq!(found.flags()[0]["claimed_xgmi"], "1");
    }
}

/// KFD numbers the ends of links between CPUs by NUMA node. If such a number is that of the card's
/// node, KFD also sets flags on the CPUs' link.
#[test]
fn links_between_cpus_are_not_judged() {
    for kind in [1, 5, 6] {
        let found = Found::after(|tree, _| {
            let text = format!("type {kind}\nnode_to 1\nflags 1\n");
            add_link(tree, LinkFolder::Io(0), &text);
        });
        assert_eq!(found.rules("truth").len(), RULES.len());
    }
}

/// KFD copies the type of an indirect link from the other GPU's link to its CPU.
#[test]
fn an_indirect_link_to_another_gpu_claims_no_xgmi() {
    let found = Found::after(|tree, _| {
        let link = "type 11\nnode_to 2\nflags 3\n";
        add_link(tree, LinkFolder::PeerToPeer(1), link);
    });
    assert_eq!(found.rules("truth").len(), RULES.len());
}

/// Adds node 2, a GPU whose XGMI link with that number leads to node 1.
fn add_gpu_with_xgmi(tree: &mut Tree, number: u32) {
    tree.folders
        .insert(Folder::Nodes.to_string(), Ok(vec![0, 1, 2]));
    tree.put(
        File::Node(2),
        "cpu_cores_count 0\nio_links_count 0\np2p_links_count 0\nvendor_id 4098\n\
         device_id 29704\nlocation_id 1024\ndomain 0\nnum_cp_queues 24\n",
    );
    for _ in 0..number {
        add_link(tree, LinkFolder::Io(2), "type 2\nnode_to 0\nflags 3\n");
    }
    add_link(tree, LinkFolder::Io(2), "type 11\nnode_to 1\nflags 1\n");
}

/// A GPU's first link leads to its CPU, by the CPU's NUMA node number.
#[test]
fn another_gpus_xgmi_link_to_its_cpu_may_have_the_cards_number() {
    let own_cpu = Found::after(|tree, _| add_gpu_with_xgmi(tree, 0));
    assert_eq!(own_cpu.rules("truth").len(), RULES.len());
    let card = Found::after(|tree, _| add_gpu_with_xgmi(tree, 1));
    assert_eq!(card.rules("lie"), ["xgmi"]);
}

/// KFD adds the reverse link to the node whose number is the NUMA number of the other GPU's CPU.
#[test]
fn a_link_back_to_another_gpus_xgmi_link_is_no_claim() {
    let links = |others: u32, own: u32| {
        let mut tree = Tree::honest();
        add_gpu_with_xgmi(&mut tree, others);
        for _ in 0..own {
            let link = "type 11\nnode_to 2\nflags 1\n";
            add_link(&mut tree, LinkFolder::Io(1), link);
        }
        tree
    };
    let found = |tree: &Tree| Found::of(tree, &Bus::honest());
    let honest = links(0, 1);
    assert_eq!(found(&honest).rules("truth").len(), RULES.len());
    found(&links(0, 2)).expect_only("xgmi", "lie");
    found(&links(1, 1)).expect_only("xgmi", "lie");
    // The node that explains the link is unreadable or missing.
    let mut unreadable = honest.clone();
    unreadable.fail(File::Node(2), ReadError::Other);
    found(&unreadable).expect_only("xgmi", "unknown");
    let mut missing = honest;
    missing
        .folders
        .insert(Folder::Nodes.to_string(), Ok(vec![0, 1]));
    found(&missing).expect_only("xgmi", "unknown");
}

/// KFD removes nodes one by one, each with its links. It renumbers the ends of links before it
/// renumbers the folders.
#[test]
fn no_link_is_judged_while_the_nodes_have_a_gap() {
    for (numbers, kind) in [(vec![0, 1, 3], "11"), (vec![1], "2")] {
        let found = Found::after(|tree, _| {
            tree.folders.insert(Folder::Nodes.to_string(), Ok(numbers));
            tree.put(File::Node(3), "cpu_cores_count 16\nio_links_count 0\n");
            tree.set(LINK_OF_CARD, "type", kind);
        });
        assert_eq!(found.rules("unknown"), ["xgmi", "link-coherent"]);
        assert_eq!(found.tally.scans, u64::from(ATTEMPTS));
    }
}

/// KFD adds an APU to its CPU's node, and creates its links to other GPUs before their flags.
#[test]
fn a_link_from_an_apu_is_not_judged_before_the_apu_is_filled_in() {
    for (capability, verdict) in [(0x280, "unknown"), (0x2280, "lie")] {
        let found = Found::after(|tree, _| {
            let node = tree.files.get_mut(&File::Node(0).to_string()).unwrap();
            let text = format!("fw_version 156\ncapability {capability}\n");
            node.as_mut().unwrap().extend_from_slice(text.as_bytes());
            let link = "type 2\nnode_to 1\nflags 13\n";
            add_link(tree, LinkFolder::PeerToPeer(0), link);
        });
        found.expect_only("link-coherent", verdict);
    }
}

/// Old kernels leave all flags 0. Kernels before 5.19 do not print `p2p_links_count`, and set only
/// some flags.
#[test]
fn link_flags_of_old_kernels_are_unknown() {
    let found = Found::after(|tree, _| tree.set(LINK_FROM_CPU, "flags", "0"));
    found.expect_only("link-coherent", "unknown");
    let found = Found::after(|tree, _| {
        tree.remove_line(NODE, "p2p_links_count");
        tree.set(LINK_FROM_CPU, "flags", "1");
    });
    found.expect_only("link-coherent", "unknown");
}

#[test]
fn a_small_bar_has_no_link_to_judge() {
    let tree = Tree::of_capture("reconstructed/0x731f-5700xt-smallbar");
    let found = Found::of(&tree, &Bus::honest());
    assert!(found
        .checks()
        .iter()
        .all(|check| check["rule"] != "link-coherent"));
    assert_eq!(found.rules("truth").len(), RULES.len() - 1);
}
