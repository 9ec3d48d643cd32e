// SPDX-License-Identifier: GPL-2.0

//! Each rule: truth, lie and unknown.

mod common;

use common::{
    Bus,
    Found,
    Tree, //
};
use rdna1_kfd_guard::{
    facts::{
        pci::Id,
        topology::{
            File,
            Folder,
            LinkFolder,
            ReadError, //
        },
        value::Value, //
    },
    observe::ATTEMPTS,
    rules::RULES, //
};

const NODE: File = File::Node(1);
const BANK: File = File::Bank(1, 0);
const LINK_FROM_CPU: File = File::Link(LinkFolder::Io(0), 0);
const LINK_OF_CARD: File = File::Link(LinkFolder::Io(1), 0);

fn judged(change: impl FnOnce(&mut Tree, &mut Bus)) -> Found {
    let mut tree = Tree::honest();
    let mut bus = Bus::honest();
    change(&mut tree, &mut bus);
    Found::of(&tree, &bus)
}

/// Only `rule` says `verdict`, and so do the heap and the card.
#[track_caller]
fn only(found: &Found, rule: &str, verdict: &str) {
    assert_eq!(found.rules(verdict), [rule], "{:#?}", found.checks());
    let other = if verdict == "lie" { "unknown" } else { "lie" };
    assert_eq!(found.rules(other), [""; 0]);
    for heap in found.heaps() {
        assert_eq!(
            (heap["verdict"].as_str(), heap["rules"].as_str()),
            (verdict, rule)
        );
        // What is true of the card does not move with what KFD says.
        assert_eq!(heap["coarse_grained_only"], "1");
        assert_eq!(heap["fine_grained"], "0");
    }
    assert_eq!(found.flags()[0]["verdict"], verdict);
    for gpu in found.gpus() {
        assert_eq!(gpu["verdict"], verdict);
    }
}

#[test]
fn every_rule_says_truth_of_an_honest_card() {
    let found = judged(|_, _| ());
    let names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(found.rules("truth"), names);
    assert_eq!(found.checks().len(), names.len());
    assert_eq!(found.heaps()[0]["rules"], "-");
}

#[test]
fn a_property_that_is_false_is_a_lie_of_its_rule_alone() {
    for (rule, file, key, value) in [
        ("gfx-version", NODE, "gfx_target_version", "100300"),
        ("pci-identity", NODE, "device_id", "29631"),
        ("pci-identity", NODE, "vendor_id", "4318"),
        ("bank-flags", BANK, "flags", "1"),
        ("bank-flags", BANK, "flags", "4294967295"),
        ("heap-type", BANK, "heap_type", "0"),
        ("heap-type", BANK, "heap_type", "99"),
        ("bank-count", NODE, "mem_banks_count", "2"),
        ("bank-count", NODE, "mem_banks_count", "0"),
        ("bank-size", BANK, "size_in_bytes", "0"),
        ("hive-id", NODE, "hive_id", "1"),
        ("hive-id", NODE, "hive_id", "18446744073709551615"),
        ("xgmi", NODE, "num_sdma_xgmi_engines", "2"),
        ("xgmi", LINK_OF_CARD, "type", "11"),
        ("host-coherent", NODE, "capability", "411050624"),
        ("link-coherent", LINK_FROM_CPU, "flags", "1"),
    ] {
        only(&judged(|tree, _| tree.set(file, key, value)), rule, "lie");
    }
}

#[test]
fn a_bank_larger_than_any_board_is_a_lie() {
    // One byte more than 8 GiB; BAR0 made to fit, so that heap-bar has nothing to say.
    let found = judged(|tree, bus| {
        tree.set(BANK, "size_in_bytes", "8589934593");
        bus.0[0].bar0_bytes = Value::Known(16 << 30);
    });
    only(&found, "bank-size", "lie");
}

#[test]
fn a_public_heap_behind_a_small_bar_is_a_lie() {
    let small = |bus: &mut Bus| bus.0[0].bar0_bytes = Value::Known(256 << 20);
    only(&judged(|_, bus| small(bus)), "heap-bar", "lie");
    // The other way round claims less than there is.
    let found = judged(|tree, _| tree.set(BANK, "heap_type", "2"));
    assert_eq!(found.rules("lie"), [""; 0]);
}

#[test]
fn a_second_bank_is_a_lie_of_each_bank() {
    let found = judged(|tree, _| {
        let bank = tree.files[&BANK.to_string()].clone();
        tree.files.insert(File::Bank(1, 1).to_string(), bank);
        tree.folders
            .insert(Folder::Banks(1).to_string(), Ok(vec![1, 0]));
    });
    only(&found, "bank-count", "lie");
    let banks: Vec<_> = found
        .heaps()
        .iter()
        .map(|heap| heap["bank"].clone())
        .collect();
    assert_eq!(banks, ["0", "1"]);
}

#[test]
fn a_line_that_is_absent_or_malformed_is_unknown() {
    for (rule, file, key) in [
        ("gfx-version", NODE, "gfx_target_version"),
        ("pci-identity", NODE, "device_id"),
        ("pci-identity", NODE, "vendor_id"),
        ("bank-flags", BANK, "flags"),
        ("bank-count", NODE, "mem_banks_count"),
        ("hive-id", NODE, "hive_id"),
        ("xgmi", NODE, "num_sdma_xgmi_engines"),
        ("xgmi", LINK_OF_CARD, "type"),
        ("host-coherent", NODE, "capability"),
        ("link-coherent", LINK_FROM_CPU, "flags"),
    ] {
        for bad in ["", "-1", "0x1", "1 ", "18446744073709551616", "\u{fffd}"] {
            let found = judged(|tree, _| tree.set(file, key, bad));
            only(&found, rule, "unknown");
            assert_eq!(found.tally.errors_malformed, 1, "{key} {bad}");
        }
        // No link from the CPU is ordinary, and a link without flags is not told from none.
        if rule != "link-coherent" {
            only(
                &judged(|tree, _| tree.remove_line(file, key)),
                rule,
                "unknown",
            );
        }
    }
}

#[test]
fn two_rules_need_the_heap_type_and_the_size() {
    let found = judged(|tree, _| tree.remove_line(BANK, "heap_type"));
    assert_eq!(found.rules("unknown"), ["heap-type", "heap-bar"]);
    assert_eq!(found.heaps()[0]["heap"], "?");
    assert_eq!(found.heaps()[0]["rules"], "heap-type,heap-bar");
    let found = judged(|tree, _| tree.remove_line(BANK, "size_in_bytes"));
    assert_eq!(found.rules("unknown"), ["bank-size", "heap-bar"]);
}

#[test]
fn a_lie_outweighs_an_unknown() {
    let found = judged(|tree, _| {
        tree.set(BANK, "flags", "1");
        tree.remove_line(NODE, "hive_id");
    });
    let heap = &found.heaps()[0];
    assert_eq!(heap["verdict"], "lie");
    assert_eq!(heap["rules"], "bank-flags,hive-id");
    assert_eq!(
        (found.rules("lie"), found.rules("unknown")),
        (vec!["bank-flags".into()], vec!["hive-id".into()])
    );
}

#[test]
fn a_line_that_comes_twice_counts_only_if_it_says_the_same() {
    let twice = |second: &'static str| {
        judged(move |tree, _| {
            let text = tree
                .files
                .get_mut(&BANK.to_string())
                .unwrap()
                .as_mut()
                .unwrap();
            text.extend_from_slice(second.as_bytes());
        })
    };
    assert_eq!(twice("flags 0\n").rules("truth").len(), RULES.len());
    only(&twice("flags 1\n"), "bank-flags", "unknown");
}

#[test]
fn a_last_line_that_is_cut_off_is_unknown() {
    let found = judged(|tree, _| tree.put(BANK, "heap_type 1\nflags 0\nsize_in_bytes 857315"));
    assert_eq!(found.rules("unknown"), ["bank-size", "heap-bar"]);
    assert_eq!(found.rules("lie"), [""; 0]);
}

#[test]
fn links_that_are_announced_and_not_there_are_unknown() {
    for folder in [LinkFolder::Io(0), LinkFolder::Io(1)] {
        for links in [Ok(vec![]), Err(ReadError::Absent)] {
            let found = judged(|tree, _| {
                tree.folders
                    .insert(Folder::Links(folder).to_string(), links.clone());
            });
            assert_eq!(found.rules("lie"), [""; 0]);
            assert!(found.rules("unknown").contains(&"link-coherent".to_owned()));
            // They may be on their way.
            assert_eq!(found.tally.scans, u64::from(ATTEMPTS));
        }
    }
}

#[test]
fn links_that_may_not_be_listed_are_unknown() {
    for (folder, rules) in [
        (LinkFolder::Io(0), vec!["link-coherent"]),
        (LinkFolder::Io(1), vec!["xgmi"]),
        (LinkFolder::PeerToPeer(1), vec!["xgmi"]),
    ] {
        let found = judged(|tree, _| {
            tree.folders
                .insert(Folder::Links(folder).to_string(), Err(ReadError::Denied));
        });
        assert_eq!(found.rules("lie"), [""; 0]);
        assert_eq!(found.rules("unknown"), rules);
    }
}

/// Adds a link to `folder`, beside the one that may be there.
fn add_link(tree: &mut Tree, folder: LinkFolder, text: &str) {
    let links = tree
        .folders
        .entry(Folder::Links(folder).to_string())
        .or_insert(Ok(vec![]));
    let links = links.as_mut().unwrap();
    links.push(9);
    tree.put(File::Link(folder, 9), text);
}

#[test]
fn the_worst_link_from_a_cpu_counts() {
    // With several sockets, another CPU's link is an indirect one.
    for folder in [LinkFolder::Io(0), LinkFolder::PeerToPeer(0)] {
        let bad = judged(|tree, _| add_link(tree, folder, "type 2\nnode_to 1\nflags 1\n"));
        only(&bad, "link-coherent", "lie");
        let good = judged(|tree, _| {
            tree.set(LINK_FROM_CPU, "flags", "1");
            add_link(tree, folder, "type 2\nnode_to 1\nflags 3\n");
        });
        only(&good, "link-coherent", "lie");
        let elsewhere = judged(|tree, _| add_link(tree, folder, "type 2\nnode_to 5\nflags 1\n"));
        assert_eq!(elsewhere.rules("truth").len(), RULES.len());
    }
}

#[test]
fn an_xgmi_link_is_seen_beside_one_that_cannot_be_read() {
    for folder in [LinkFolder::Io(1), LinkFolder::PeerToPeer(1)] {
        let found = judged(|tree, _| {
            tree.put(LINK_OF_CARD, "garbage\n");
            add_link(tree, folder, "type 11\nnode_to 2\nflags 1\n");
        });
        assert_eq!(found.rules("lie"), ["xgmi"]);
        assert_eq!(found.flags()[0]["claimed_xgmi"], "1");
    }
}

#[test]
fn a_hive_alone_is_a_claim_of_xgmi() {
    let found = judged(|tree, _| tree.set(NODE, "hive_id", "1"));
    assert_eq!(found.flags()[0]["claimed_xgmi"], "1");
}

/// Old kernels leave all flags 0; those before 5.19, which print no `p2p_links_count`, fill them
/// with less.
#[test]
fn link_flags_of_old_kernels_are_unknown() {
    let found = judged(|tree, _| tree.set(LINK_FROM_CPU, "flags", "0"));
    only(&found, "link-coherent", "unknown");
    let found = judged(|tree, _| {
        tree.remove_line(NODE, "p2p_links_count");
        tree.set(LINK_FROM_CPU, "flags", "1");
    });
    only(&found, "link-coherent", "unknown");
}

#[test]
fn sizes_at_the_limit_are_truth() {
    let found = judged(|tree, _| tree.set(BANK, "size_in_bytes", "8589934592"));
    assert_eq!(found.rules("truth").len(), RULES.len());
}

/// Kernels before 5.4 print no domain: it is 0.
#[test]
fn no_domain_is_domain_0() {
    let found = judged(|tree, _| tree.remove_line(NODE, "domain"));
    assert_eq!(found.rules("truth").len(), RULES.len());
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

#[test]
fn a_node_that_claims_to_be_the_card_where_another_device_sits_lies() {
    let nvidia = Id {
        vendor: 0x10de,
        device: 0x1eb8,
    };
    let found = judged(|_, bus| bus.0[0].id = nvidia);
    assert_eq!(found.rules("lie"), ["pci-identity"]);
    let check = &found.checks()[1];
    assert_eq!(check["expected"], "0x10de:0x1eb8");
    assert_eq!(check["observed"], "0x1002:0x731f");
    // Nothing is known of that device, and it is not among the cards on the bus.
    assert_eq!(found.heaps()[0]["coarse_grained_only"], "?");
    assert_eq!(found.flags()[0]["gfx"], "?");
    assert!(found.gpus().is_empty());
}

#[test]
fn a_node_that_claims_to_be_the_card_where_nobody_sits_lies() {
    let found = judged(|_, bus| bus.0.clear());
    assert_eq!(found.rules("lie"), ["pci-identity"]);
    assert_eq!(found.checks()[1]["expected"], "nobody");
}

#[test]
fn a_file_that_may_not_be_read_is_unknown() {
    let found = judged(|tree, _| tree.fail(BANK, ReadError::Denied));
    assert_eq!(found.rules("lie"), [""; 0]);
    assert_eq!(
        found.rules("unknown"),
        ["bank-flags", "heap-type", "bank-size", "heap-bar"]
    );
    assert_eq!(found.tally.errors_denied, 1);
    assert_eq!(found.heaps()[0]["size_bytes"], "?");
}
