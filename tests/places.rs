// SPDX-License-Identifier: GPL-2.0

//! Tests of nodes without a PCI domain (kernels before 5.4), on machines with several domains.

mod common;

use common::{
    Bus,
    Found,
    Tree, //
};
use rdna1_kfd_guard::facts::{
    pci::Id,
    topology::{
        File,
        Folder, //
    },
    value::Value, //
};

const NODE: File = File::Node(1);

const ANOTHER: Id = Id {
    vendor: 0x10de,
    device: 0x1eb8,
};

/// The honest card in domain 1. Its node does not print a domain.
fn in_domain_1() -> (Tree, Bus) {
    let mut tree = Tree::honest();
    tree.remove_line(NODE, "domain");
    let mut bus = Bus::honest();
    bus.0[0].address.domain = 1;
    (tree, bus)
}

/// Adds a function in domain 0, at the card's location.
fn add_in_domain_0(bus: &mut Bus, id: Id) {
    let mut function = Bus::honest().0[0];
    function.id = id;
    bus.0.push(function);
}

#[test]
fn a_card_in_another_domain_is_not_looked_for_in_domain_0() {
    for with_another_at_domain_0 in [true, false] {
        let (tree, mut bus) = in_domain_1();
        if with_another_at_domain_0 {
            add_in_domain_0(&mut bus, ANOTHER);
        }
        let found = Found::of(&tree, &bus);
        found.expect_no_lie();
        assert!(found.rules("unknown").contains(&"pci-identity".to_owned()));
        let gpus = found.gpus();
        assert_eq!(gpus.len(), 1);
        assert_eq!(
            (gpus[0]["gpu"].as_str(), gpus[0]["kfd"].as_str()),
            ("0001:03:00.0", "unreadable")
        );
        assert_eq!(gpus[0]["reason"], "unknown");
        // Another walk would not find more.
        assert_eq!(found.tally.scans, 1);
    }
}

/// A false value that does not depend on the location is a lie at any location.
#[test]
fn a_lie_that_has_no_place_is_a_lie() {
    let (mut tree, mut bus) = in_domain_1();
    add_in_domain_0(&mut bus, ANOTHER);
    tree.set(File::Bank(1, 0), "flags", "1");
    assert_eq!(Found::of(&tree, &bus).rules("lie"), ["bank-flags"]);
}

#[test]
fn a_card_at_another_location_makes_no_doubt() {
    let (tree, mut bus) = in_domain_1();
    bus.0[0].address.location = 0x0900;
    add_in_domain_0(&mut bus, ANOTHER);
    let found = Found::of(&tree, &bus);
    assert_eq!(found.rules("lie"), ["pci-identity"]);
    assert_eq!(found.gpus()[0]["kfd"], "absent");
}

#[test]
fn a_domain_that_is_printed_is_believed() {
    let mut tree = Tree::honest();
    tree.set(NODE, "domain", "0");
    let (_, mut bus) = in_domain_1();
    add_in_domain_0(&mut bus, ANOTHER);
    let found = Found::of(&tree, &bus);
    assert_eq!(found.rules("lie"), ["pci-identity"]);
    assert_eq!(found.gpus()[0]["kfd"], "absent");
}

/// The node of one card must not be compared with the BAR of the other.
#[test]
fn of_two_cards_at_the_same_location_either_may_be_meant() {
    let (tree, mut bus) = in_domain_1();
    add_in_domain_0(&mut bus, Id::NAVI10);
    bus.0[1].bar0_bytes = Value::Known(256 << 20);
    let found = Found::of(&tree, &bus);
    found.expect_no_lie();
    let kfd: Vec<_> = found.gpus().iter().map(|gpu| gpu["kfd"].clone()).collect();
    assert_eq!(kfd, ["present", "unreadable"]);
}

#[test]
fn another_device_at_the_location_of_the_card_may_sit_in_another_domain() {
    let mut tree = Tree::honest();
    tree.remove_line(NODE, "domain");
    tree.set(NODE, "device_id", "26720");
    tree.folders
        .insert(Folder::Nodes.to_string(), Ok(vec![0, 1]));
    let found = Found::of(&tree, &Bus::honest());
    found.expect_all_unknown();
    assert_eq!(found.gpus()[0]["kfd"], "unreadable");
}
