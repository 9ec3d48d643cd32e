//! The walk over a topology that changes, hides or is broken.

mod common;

use common::{
    Bus,
    Found,
    Tree, //
};
use rdna1_kfd_guard::facts::{
    atomics::Atomics,
    pci::{
        Address,
        Driver,
        Name, //
    },
    topology::{
        File,
        Folder,
        LinkFolder,
        ReadError, //
    },
    value::Value, //
};
use rdna1_kfd_guard::observe::ATTEMPTS;

const NODE: File = File::Node(1);
const BANK: File = File::Bank(1, 0);
const LINK_FROM_CPU: File = File::Link(LinkFolder::Io(0), 0);

fn no_lie(found: &Found) {
    assert_eq!(found.rules("lie"), [""; 0], "{:#?}", found.checks());
    assert!(found.heaps().iter().all(|heap| heap["verdict"] != "lie"));
}

/// Every rule and every file of the card says unknown, and it is still there.
fn all_unknown(found: &Found) {
    no_lie(found);
    assert_eq!(found.rules("truth"), [""; 0]);
    assert!(!found.checks().is_empty());
    let heaps = found.heaps();
    assert_eq!(heaps.len(), 1);
    assert_eq!(heaps[0]["verdict"], "unknown");
    assert_eq!(found.gpus()[0]["verdict"], "unknown");
}

#[test]
fn no_kfd_is_a_card_that_is_absent() {
    let found = Found::of(&Tree::default(), &Bus::honest());
    let gpu = &found.gpus()[0];
    assert_eq!(
        (gpu["kfd"].as_str(), gpu["verdict"].as_str()),
        ("absent", "unknown")
    );
    assert!(found.heaps().is_empty() && found.checks().is_empty());
    assert_eq!(found.tally.retries, 0);
}

#[test]
fn why_a_card_is_absent() {
    let named = |name: &[u8]| Driver::Named(Name::new(name).unwrap());
    for (driver, kfd, reason) in [
        (Driver::None, false, "no-driver"),
        (named(b"vfio-pci"), true, "not-amdgpu"),
        (named(b"amdgpu"), false, "no-kfd"),
        (named(b"amdgpu"), true, "unknown"),
        (Driver::Unknown, true, "unknown"),
    ] {
        let mut tree = Tree::default();
        if kfd {
            tree = Tree::honest();
            tree.folders.insert(Folder::Nodes.to_string(), Ok(vec![0]));
        }
        let mut bus = Bus::honest();
        bus.0[0].driver = driver;
        let gpu = &Found::of(&tree, &bus).gpus()[0];
        assert_eq!(
            (gpu["kfd"].as_str(), gpu["reason"].as_str()),
            ("absent", reason)
        );
    }
}

#[test]
fn a_card_that_amdgpu_has_and_kfd_has_not_may_lack_atomics() {
    let mut tree = Tree::honest();
    tree.folders.insert(Folder::Nodes.to_string(), Ok(vec![0]));
    let hop = Address {
        domain: 0,
        location: 0x0008,
    };
    for (atomics, said, blamed, reason) in [
        (Atomics::None(Some(hop)), "none", "0000:00:01.0", "atomics"),
        (Atomics::None(None), "none", "?", "atomics"),
        (Atomics::Completer, "completer", "-", "unknown"),
        (Atomics::Unknown, "unknown", "?", "unknown"),
    ] {
        let mut bus = Bus::honest();
        bus.0[0].driver = Driver::Named(Name::new(b"amdgpu").unwrap());
        bus.0[0].atomics = atomics;
        let gpu = &Found::of(&tree, &bus).gpus()[0];
        assert_eq!(gpu["atomics"], said);
        assert_eq!(gpu["atomics_hop"], blamed);
        assert_eq!(
            (gpu["kfd"].as_str(), gpu["reason"].as_str()),
            ("absent", reason)
        );
    }
}

#[test]
fn what_kfd_made_of_atomics() {
    for (flags, said) in [
        ("1", "requested"),
        ("13", "tolerated"),
        ("5", "tolerated"),
        ("0", "?"),
        ("12", "?"),
        ("many", "?"),
    ] {
        let mut tree = Tree::honest();
        tree.set(File::Link(LinkFolder::Io(1), 0), "flags", flags);
        let found = Found::of(&tree, &Bus::honest());
        assert_eq!(found.gpus()[0]["atomics_kfd"], said, "{flags}");
        no_lie(&found);
    }
}

#[test]
fn an_empty_machine_has_headings_alone() {
    let found = Found::of(&Tree::default(), &Bus::default());
    assert!(found.gpus().is_empty() && found.heaps().is_empty());
    assert!(found.flags().is_empty() && found.checks().is_empty());
}

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
    no_lie(&found);
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
        // What else is wrong may come from the same half-finished state.
        tree.set(NODE, "hive_id", "5");
        let found = Found::of(&tree, &Bus::honest());
        all_unknown(&found);
        assert_eq!(found.tally.scans, u64::from(ATTEMPTS), "{key}");
        assert_eq!(found.tally.unstable_scans, 1);
    }
}

#[test]
fn a_gpu_id_of_0_is_a_card_that_is_half_filled() {
    let mut tree = Tree::honest();
    tree.put(File::GpuId(1), "0\n");
    all_unknown(&Found::of(&tree, &Bus::honest()));
}

/// Its place is filled in after what it is: the card on the bus may be it, or another.
#[test]
fn a_half_filled_node_without_a_place_is_shown_beside_the_card() {
    let mut tree = Tree::honest();
    tree.set(NODE, "location_id", "0");
    tree.set(NODE, "num_cp_queues", "0");
    tree.set(BANK, "flags", "1");
    let found = Found::of(&tree, &Bus::honest());
    no_lie(&found);
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

/// A place of 0 is a place: hypervisors put cards there.
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
        no_lie(&found);
        assert_eq!(
            found.gpus()[0]["kfd"],
            if key == "location_id" {
                "unreadable"
            } else {
                "present"
            }
        );
        assert!(found.snapshot.unreadable_nodes, "{key}");
    }
    let mut tree = Tree::honest();
    tree.put(NODE, "");
    let found = Found::of(&tree, &Bus::honest());
    assert_eq!(found.gpus()[0]["kfd"], "unreadable");
}

#[test]
fn trouble_elsewhere_hides_no_lie() {
    let mut tree = Tree::honest();
    tree.set(BANK, "flags", "1");
    // A node that never gets its properties, and a CPU's link that went.
    tree.folders
        .insert(Folder::Nodes.to_string(), Ok(vec![0, 1, 2]));
    tree.fail(LINK_FROM_CPU, ReadError::Absent);
    let found = Found::of(&tree, &Bus::honest());
    assert_eq!(found.rules("lie"), ["bank-flags"]);
    assert_eq!(found.heaps()[0]["verdict"], "lie");
}

#[test]
fn a_second_node_at_a_cards_place_is_unknown() {
    let mut tree = Tree::honest();
    for (file, text) in tree.files.clone() {
        if let Some(rest) = file.strip_prefix("nodes/1/") {
            tree.files.insert(format!("nodes/2/{rest}"), text);
        }
    }
    tree.folders
        .insert(Folder::Nodes.to_string(), Ok(vec![0, 1, 2]));
    tree.folders
        .insert(Folder::Banks(2).to_string(), Ok(vec![0]));
    let found = Found::of(&tree, &Bus::honest());
    assert_eq!(found.gpus().len(), 1);
    let verdicts: Vec<_> = found
        .heaps()
        .iter()
        .map(|heap| heap["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["truth", "unknown"]);
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
    all_unknown(&Found::of(&tree, &Bus::honest()));
}

#[test]
fn a_generation_that_cannot_be_read_is_unknown() {
    let mut tree = Tree::honest();
    tree.put(File::GenerationId, "many\n");
    all_unknown(&Found::of(&tree, &Bus::honest()));
    tree.fail(File::GenerationId, ReadError::Denied);
    all_unknown(&Found::of(&tree, &Bus::honest()));
}

#[test]
fn a_node_that_vanishes_is_unknown() {
    let mut tree = Tree::honest();
    tree.fail(NODE, ReadError::Absent);
    let found = Found::of(&tree, &Bus::honest());
    all_unknown(&found);
    assert_eq!(found.gpus()[0]["kfd"], "unreadable");
    assert_eq!(found.tally.errors_absent, u64::from(ATTEMPTS));
}

#[test]
fn a_node_that_may_not_be_read_is_unknown_at_once() {
    let mut tree = Tree::honest();
    tree.fail(NODE, ReadError::Denied);
    let found = Found::of(&tree, &Bus::honest());
    all_unknown(&found);
    assert_eq!(found.gpus()[0]["kfd"], "unreadable");
    assert_eq!((found.tally.scans, found.tally.errors_denied), (1, 1));
}

#[test]
fn banks_that_cannot_be_listed_are_unknown() {
    let mut tree = Tree::honest();
    tree.folders
        .insert(Folder::Banks(1).to_string(), Err(ReadError::TooLarge));
    let found = Found::of(&tree, &Bus::honest());
    no_lie(&found);
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
    all_unknown(&found);
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

/// What marks a card that is not finished may be 0 for good on another GPU.
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
fn two_cards_keep_their_facts_apart() {
    let mut tree = Tree::honest();
    for (file, text) in tree.files.clone() {
        if let Some(rest) = file.strip_prefix("nodes/1/") {
            tree.files.insert(format!("nodes/7/{rest}"), text);
        }
    }
    tree.folders
        .insert(Folder::Nodes.to_string(), Ok(vec![7, 1, 0]));
    tree.folders
        .insert(Folder::Banks(7).to_string(), Ok(vec![0]));
    tree.folders
        .insert(Folder::Links(LinkFolder::Io(7)).to_string(), Ok(vec![0]));
    tree.set(File::Node(7), "location_id", "2304");
    tree.set(File::Node(7), "domain", "65536");
    tree.set(File::Bank(7, 0), "flags", "1");
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
            heap("10000:09:00.0", "7", "lie")
        ]
    );
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
    // The link's flags as they are before KFD fills them in.
    let mut tree = Tree::honest();
    tree.set(LINK_FROM_CPU, "flags", "1");
    tree.before_walk = vec![|_| (), |tree| tree.set(LINK_FROM_CPU, "flags", "3")];
    let found = Found::of(&tree, &Bus::honest());
    no_lie(&found);
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
    all_unknown(&found);
    assert_eq!(found.tally.unstable_scans, 1);
}

#[test]
fn a_node_that_is_being_taken_away_is_unknown() {
    // Its bank goes first, while it still says that it has one.
    for banks in [Ok(vec![]), Err(ReadError::Absent)] {
        let mut tree = Tree::honest();
        tree.folders.insert(Folder::Banks(1).to_string(), banks);
        let found = Found::of(&tree, &Bus::honest());
        no_lie(&found);
        assert_eq!(found.gpus()[0]["verdict"], "unknown");
        assert_eq!(found.tally.scans, u64::from(ATTEMPTS));
    }
    let mut tree = Tree::honest();
    tree.fail(BANK, ReadError::Absent);
    let found = Found::of(&tree, &Bus::honest());
    no_lie(&found);
    assert_eq!(found.tally.unstable_scans, 1);
}

#[test]
fn what_the_bar_holds() {
    let vram = 8_573_157_376;
    for (bar0, bar) in [
        (256 << 20, "small"),
        ((256 << 20) + 1, "partial"),
        (1 << 30, "partial"),
        (vram - 1, "partial"),
        (vram, "large"),
        (8 << 30, "large"),
    ] {
        let mut bus = Bus::honest();
        bus.0[0].bar0_bytes = Value::Known(bar0);
        let gpu = &Found::of(&Tree::honest(), &bus).gpus()[0];
        assert_eq!(gpu["bar"], bar, "{bar0}");
    }
    // Without KFD the size of VRAM is not known: only a small BAR is sure.
    for (bar0, bar) in [(256 << 20, "small"), (8 << 30, "?")] {
        let mut bus = Bus::honest();
        bus.0[0].bar0_bytes = Value::Known(bar0);
        assert_eq!(Found::of(&Tree::default(), &bus).gpus()[0]["bar"], bar);
    }
}
