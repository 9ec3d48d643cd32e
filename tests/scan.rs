// SPDX-License-Identifier: GPL-2.0

//! Tests of the walk over a topology that is missing, unreadable or broken, or has several cards.

mod common;

use common::{
    Bus,
    Found,
    Tree, //
};
use rdna1_kfd_guard::{
    facts::{
        pci::Address,
        topology::{
            File,
            Folder,
            LinkFolder,
            ReadError, //
        }, //
    },
    observe::ATTEMPTS, //
};

const NODE: File = File::Node(1);

#[test]
fn no_kfd_is_a_card_that_is_absent() {
    let found = Found::of(&Tree::default(), &Bus::honest());
    let gpu = &found.gpus()[0];
    assert_eq!(
        (gpu["kfd"].as_str(), gpu["verdict"].as_str()),
        ("absent", "unjudged")
    );
    assert!(found.heaps().is_empty() && found.checks().is_empty());
    assert_eq!(found.tally.retries, 0);
}

#[test]
fn an_empty_machine_has_headings_alone() {
    let found = Found::of(&Tree::default(), &Bus::default());
    assert!(found.gpus().is_empty() && found.heaps().is_empty());
    assert!(found.flags().is_empty() && found.checks().is_empty());
}

/// 0 is a valid location: hypervisors put cards there.
#[test]
fn a_card_at_place_0_is_judged() {
    let mut tree = Tree::honest();
    tree.set(NODE, "location_id", "0");
    tree.set(NODE, "domain", "1");
    let mut bus = Bus::honest();
    bus.0[0].address = Address {
        domain: 1,
        location: 0,
    };
    let found = Found::of(&tree, &bus);
    assert_eq!(found.rules("unknown"), [""; 0]);
    assert_eq!(
        (found.heaps()[0]["verdict"].as_str(), found.tally.scans),
        ("truth", 1)
    );
}

/// KFD numbers banks and links without gaps. A copied folder, or a later kernel, may have gaps.
#[test]
fn numbers_with_holes_and_beyond_255_are_found() {
    const MOVED: [u32; 2] = [7, 300];
    let mut tree = Tree::honest();
    let honest = tree.clone();
    let mut bus = Bus::default();
    for (at, node) in (1..).zip(MOVED) {
        for (from, to) in [
            (NODE, File::Node(node)),
            (File::GpuId(1), File::GpuId(node)),
            (File::Bank(1, 0), File::Bank(node, 9)),
            (
                File::Link(LinkFolder::Io(1), 0),
                File::Link(LinkFolder::Io(node), 5),
            ),
        ] {
            let text = honest.files[&from.to_string()].clone();
            tree.files.insert(to.to_string(), text);
        }
        tree.folders
            .insert(Folder::Banks(node).to_string(), Ok(vec![9]));
        tree.folders
            .insert(Folder::Links(LinkFolder::Io(node)).to_string(), Ok(vec![5]));
        tree.set(File::Node(node), "location_id", &(at << 8).to_string());
        let mut function = Bus::honest().0[0];
        function.address.location = at << 8;
        bus.0.push(function);
    }
    let nodes = 0..=300;
    for node in nodes.clone().filter(|node| ![0, 7, 300].contains(node)) {
        tree.put(File::Node(node), "cpu_cores_count 16\nio_links_count 0\n");
    }
    tree.folders
        .insert(Folder::Nodes.to_string(), Ok(nodes.collect()));
    let found = Found::of(&tree, &bus);
    for record in found.gpus().iter().chain(&found.heaps()) {
        assert_eq!(record["verdict"], "truth", "{record:?}");
    }
    let nodes: Vec<_> = found
        .heaps()
        .iter()
        .map(|heap| heap["node"].clone())
        .collect();
    assert_eq!(nodes, MOVED.map(|node| node.to_string()));
    assert!(found.heaps().iter().all(|heap| heap["bank"] == "9"));
}

#[test]
fn a_node_that_does_not_say_what_it_is_may_be_the_card() {
    for (key, value) in [
        ("device_id", "29471x"),
        ("vendor_id", ""),
        ("location_id", "here"),
    ] {
        let mut tree = Tree::honest();
        tree.set(NODE, key, value);
        let found = Found::of(&tree, &Bus::honest());
        found.expect_no_lie();
        assert_eq!(
            found.gpus()[0]["kfd"],
            if key == "location_id" {
                "unreadable"
            } else {
                "present"
            }
        );
        assert!(found.snapshot.may_hide_a_card(), "{key}");
    }
    let mut tree = Tree::honest();
    tree.put(NODE, "");
    let found = Found::of(&tree, &Bus::honest());
    assert_eq!(found.gpus()[0]["kfd"], "unreadable");
}

#[test]
fn a_node_that_vanishes_is_unknown() {
    let mut tree = Tree::honest();
    tree.fail(NODE, ReadError::Absent);
    let found = Found::of(&tree, &Bus::honest());
    found.expect_all_unknown();
    assert_eq!(found.gpus()[0]["kfd"], "unreadable");
    assert_eq!(found.tally.errors_absent, u64::from(ATTEMPTS));
}

#[test]
fn a_node_that_may_not_be_read_is_unknown_at_once() {
    let mut tree = Tree::honest();
    tree.fail(NODE, ReadError::Denied);
    let found = Found::of(&tree, &Bus::honest());
    found.expect_all_unknown();
    assert_eq!(found.gpus()[0]["kfd"], "unreadable");
    assert_eq!((found.tally.scans, found.tally.errors_denied), (1, 1));
}

#[test]
fn banks_that_cannot_be_listed_are_unknown() {
    let mut tree = Tree::honest();
    tree.folders
        .insert(Folder::Banks(1).to_string(), Err(ReadError::TooLarge));
    let found = Found::of(&tree, &Bus::honest());
    found.expect_no_lie();
    let heaps = found.heaps();
    assert_eq!(
        (heaps[0]["bank"].as_str(), heaps[0]["verdict"].as_str()),
        ("?", "unknown")
    );
    assert_eq!(found.tally.errors_too_large, 1);
}

#[test]
fn a_topology_that_cannot_be_listed_is_unreadable() {
    let mut tree = Tree::honest();
    tree.folders
        .insert(Folder::Nodes.to_string(), Err(ReadError::Denied));
    let found = Found::of(&tree, &Bus::honest());
    found.expect_all_unknown();
    assert_eq!(found.gpus()[0]["kfd"], "unreadable");
}

#[test]
fn other_gpus_are_never_judged() {
    for name in ["gfx900-mi25-0x6860", "gfx1100-rx7900xtx-0x744c"] {
        let found = Found::of(&Tree::of_capture(name), &Bus::default());
        assert!(
            found.heaps().is_empty() && found.checks().is_empty(),
            "{name}"
        );
    }
}

#[test]
fn two_cards_keep_their_facts_apart() {
    let mut tree = Tree::honest();
    for (file, text) in tree.files.clone() {
        if let Some(rest) = file.strip_prefix("nodes/1/") {
            tree.files.insert(format!("nodes/2/{rest}"), text);
        }
    }
    tree.folders
        .insert(Folder::Nodes.to_string(), Ok(vec![2, 1, 0]));
    tree.folders
        .insert(Folder::Banks(2).to_string(), Ok(vec![0]));
    tree.folders
        .insert(Folder::Links(LinkFolder::Io(2)).to_string(), Ok(vec![0]));
    tree.set(File::Node(2), "location_id", "2304");
    tree.set(File::Node(2), "domain", "65536");
    tree.set(File::Bank(2, 0), "flags", "1");
    let mut bus = Bus::honest();
    bus.0.push(bus.0[0]);
    bus.0[1].address.location = 0x0900;
    bus.0[1].address.domain = 0x10000;
    let found = Found::of(&tree, &bus);
    let heaps: Vec<_> = found
        .heaps()
        .iter()
        .map(|heap| {
            (
                heap["gpu"].clone(),
                heap["node"].clone(),
                heap["verdict"].clone(),
            )
        })
        .collect();
    let heap = |gpu: &str, node: &str, verdict: &str| (gpu.into(), node.into(), verdict.into());
    assert_eq!(
        heaps,
        [
            heap("0000:03:00.0", "1", "truth"),
            heap("10000:09:00.0", "2", "lie")
        ]
    );
}

#[test]
fn the_names_of_heaps() {
    for (heap_type, name) in [
        ("0", "system"),
        ("1", "fb_public"),
        ("2", "fb_private"),
        ("3", "gds"),
        ("4", "lds"),
        ("5", "scratch"),
        ("6", "other(6)"),
        ("18446744073709551615", "other(18446744073709551615)"),
        ("x", "?"),
    ] {
        let mut tree = Tree::honest();
        tree.set(File::Bank(1, 0), "heap_type", heap_type);
        let heap = &Found::of(&tree, &Bus::honest()).heaps()[0];
        assert_eq!(heap["heap"], name);
    }
}
