// SPDX-License-Identifier: GPL-2.0

//! Tests of `observe()` while the topology changes: repeated walks, and accepted results.

mod common;

use common::{
    Bus,
    Found,
    Tree, //
};
use rdna1_kfd_guard::{
    facts::{
        pci::{
            Driver,
            Name,
            RenderNode, //
        },
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
const BANK: File = File::Bank(1, 0);
const LINK_FROM_CPU: File = File::Link(LinkFolder::Io(0), 0);

#[test]
fn a_node_that_is_being_filled_in_is_read_again() {
    let mut tree = Tree::honest();
    tree.set(NODE, "device_id", "0");
    tree.set(NODE, "location_id", "0");
    tree.before_walk = vec![|_| (), |_| (), |tree| {
        tree.set(NODE, "device_id", "29471");
        tree.set(NODE, "location_id", "768");
    }];
    let found = Found::of(&tree, &Bus::honest());
    assert_eq!(found.rules("unknown"), [""; 0]);
    found.expect_no_lie();
    assert_eq!((found.tally.scans, found.tally.retries), (3, 2));
    assert_eq!(found.tally.unstable_scans, 0);
}

#[test]
fn a_node_that_stays_half_filled_is_unknown_not_a_lie() {
    for key in [
        "gfx_target_version",
        "vendor_id",
        "device_id",
        "num_cp_queues",
        "cwsr_size",
    ] {
        let mut tree = Tree::honest();
        tree.set(NODE, key, "0");
        // Other wrong values may come from the same unfinished state.
        tree.set(NODE, "hive_id", "5");
        let found = Found::of(&tree, &Bus::honest());
        found.expect_all_unknown();
        assert_eq!(found.tally.scans, u64::from(ATTEMPTS), "{key}");
        assert_eq!(found.tally.unstable_scans, 1);
    }
}

#[test]
fn a_gpu_id_of_0_is_a_card_that_is_half_filled() {
    let mut tree = Tree::honest();
    tree.put(File::GpuId(1), "0\n");
    Found::of(&tree, &Bus::honest()).expect_all_unknown();
}

/// KFD sets the location after the device id: until then the node may be this card's or another's.
#[test]
fn a_half_filled_node_without_a_place_is_shown_beside_the_card() {
    let mut tree = Tree::honest();
    tree.set(NODE, "location_id", "0");
    tree.set(NODE, "num_cp_queues", "0");
    tree.set(BANK, "flags", "1");
    let found = Found::of(&tree, &Bus::honest());
    found.expect_no_lie();
    let heaps = found.heaps();
    assert_eq!(heaps.len(), 2);
    assert_eq!(
        (heaps[0]["node"].as_str(), heaps[1]["node"].as_str()),
        ("?", "1")
    );
    assert_eq!(heaps[1]["coarse_grained_only"], "?");
    assert_eq!(found.gpus().len(), 1);
    assert_eq!(found.gpus()[0]["kfd"], "unreadable");
}

#[test]
fn trouble_elsewhere_hides_no_lie() {
    let mut tree = Tree::honest();
    tree.set(BANK, "flags", "1");
    // A node that never gets its properties, and a missing link of a CPU.
    tree.folders
        .insert(Folder::Nodes.to_string(), Ok(vec![0, 1, 2]));
    tree.fail(LINK_FROM_CPU, ReadError::Absent);
    let found = Found::of(&tree, &Bus::honest());
    assert_eq!(found.rules("lie"), ["bank-flags"]);
    assert_eq!(found.heaps()[0]["verdict"], "lie");
}

#[test]
fn a_card_that_was_left_out_is_looked_for_twice() {
    let mut tree = Tree::honest();
    tree.folders.insert(Folder::Nodes.to_string(), Ok(vec![0]));
    tree.before_walk = vec![|_| (), |tree| {
        tree.folders
            .insert(Folder::Nodes.to_string(), Ok(vec![0, 1]));
    }];
    let mut bus = Bus::honest();
    bus.0[0].driver = Driver::Named(Name::new(b"amdgpu").unwrap());
    bus.0[0].render_node = RenderNode::Minor(128);
    let found = Found::of(&tree, &bus);
    assert_eq!(
        (found.gpus()[0]["kfd"].as_str(), found.tally.scans),
        ("present", 2)
    );
}

#[test]
fn a_generation_that_keeps_changing_is_unknown() {
    fn next(tree: &mut Tree) {
        let text = tree.files[&File::GenerationId.to_string()].clone().unwrap();
        let number: u32 = String::from_utf8(text).unwrap().trim().parse().unwrap();
        tree.put(File::GenerationId, &format!("{}\n", number + 1));
    }
    let mut tree = Tree::honest();
    tree.after_listing = Some(next);
    Found::of(&tree, &Bus::honest()).expect_all_unknown();
}

#[test]
fn a_generation_that_cannot_be_read_is_unknown() {
    let mut tree = Tree::honest();
    tree.put(File::GenerationId, "many\n");
    Found::of(&tree, &Bus::honest()).expect_all_unknown();
    tree.fail(File::GenerationId, ReadError::Denied);
    Found::of(&tree, &Bus::honest()).expect_all_unknown();
}

/// Properties that are 0 on an unfinished card may stay 0 on another GPU.
#[test]
fn another_gpu_is_never_waited_for() {
    let mut tree = Tree::honest();
    tree.set(NODE, "device_id", "29772");
    tree.set(NODE, "location_id", "1024");
    for key in ["num_cp_queues", "cwsr_size", "gfx_target_version"] {
        tree.set(NODE, key, "0");
    }
    let found = Found::of(&tree, &Bus::honest());
    assert_eq!((found.tally.scans, found.heaps().len()), (1, 0));
    assert_eq!(found.gpus()[0]["kfd"], "absent");
}

#[test]
fn a_lie_is_believed_when_it_is_seen_twice() {
    let mut tree = Tree::honest();
    tree.set(BANK, "flags", "1");
    let found = Found::of(&tree, &Bus::honest());
    assert_eq!(found.rules("lie"), ["bank-flags"]);
    assert_eq!((found.tally.scans, found.tally.retries), (2, 1));
}

#[test]
fn a_lie_that_is_seen_once_is_no_lie() {
    // The link's flags before KFD sets all of them.
    let mut tree = Tree::honest();
    tree.set(LINK_FROM_CPU, "flags", "1");
    tree.before_walk = vec![|_| (), |tree| tree.set(LINK_FROM_CPU, "flags", "3")];
    let found = Found::of(&tree, &Bus::honest());
    found.expect_no_lie();
    assert_eq!(found.rules("unknown"), [""; 0]);
    assert_eq!(found.tally.scans, 2);
}

#[test]
fn a_lie_that_changes_with_every_look_is_unknown() {
    fn other(tree: &mut Tree) {
        let hive = format!("{}", 1 + tree.listings);
        tree.set(NODE, "hive_id", &hive);
    }
    let mut tree = Tree::honest();
    tree.after_listing = Some(other);
    let found = Found::of(&tree, &Bus::honest());
    found.expect_all_unknown();
    assert_eq!(found.tally.unstable_scans, 1);
}

#[test]
fn a_node_that_is_being_taken_away_is_unknown() {
    // KFD removes the bank first, while the node's bank count is still 1.
    for banks in [Ok(vec![]), Err(ReadError::Absent)] {
        let mut tree = Tree::honest();
        tree.folders.insert(Folder::Banks(1).to_string(), banks);
        let found = Found::of(&tree, &Bus::honest());
        found.expect_no_lie();
        assert_eq!(found.gpus()[0]["verdict"], "unknown");
        assert_eq!(found.tally.scans, u64::from(ATTEMPTS));
    }
    let mut tree = Tree::honest();
    tree.fail(BANK, ReadError::Absent);
    let found = Found::of(&tree, &Bus::honest());
    found.expect_no_lie();
    assert_eq!(found.tally.unstable_scans, 1);
}

#[test]
fn a_bank_that_changes_with_every_look_is_unknown() {
    fn other(tree: &mut Tree) {
        let flags = format!("{}", 1 + tree.listings);
        tree.set(BANK, "flags", &flags);
    }
    let mut tree = Tree::honest();
    tree.after_listing = Some(other);
    Found::of(&tree, &Bus::honest()).expect_all_unknown();
}

/// KFD counts a change of its topology between two walks.
const ANOTHER_GENERATION: [fn(&mut Tree); 6] = [
    |tree| tree.put(File::GenerationId, "1\n"),
    |tree| tree.put(File::GenerationId, "2\n"),
    |tree| tree.put(File::GenerationId, "3\n"),
    |tree| tree.put(File::GenerationId, "4\n"),
    |tree| tree.put(File::GenerationId, "5\n"),
    |tree| tree.put(File::GenerationId, "6\n"),
];

#[test]
fn a_lie_is_not_believed_over_a_change() {
    let mut tree = Tree::honest();
    tree.set(BANK, "flags", "1");
    tree.before_walk = ANOTHER_GENERATION.to_vec();
    let found = Found::of(&tree, &Bus::honest());
    found.expect_all_unknown();
    assert_eq!(found.tally.unstable_scans, 1);
}

#[test]
fn an_absence_is_not_believed_over_a_change() {
    let mut tree = Tree::honest();
    tree.folders.insert(Folder::Nodes.to_string(), Ok(vec![0]));
    tree.before_walk = ANOTHER_GENERATION.to_vec();
    let mut bus = Bus::honest();
    bus.0[0].driver = Driver::Named(Name::new(b"amdgpu").unwrap());
    bus.0[0].render_node = RenderNode::Minor(128);
    let gpu = &Found::of(&tree, &bus).gpus()[0];
    assert_eq!(
        (gpu["kfd"].as_str(), gpu["reason"].as_str()),
        ("unreadable", "unknown")
    );
}
