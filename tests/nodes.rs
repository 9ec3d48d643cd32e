// SPDX-License-Identifier: GPL-2.0

//! Tests of nodes that amdgpu keeps, while the function is removed, unbound, or has a newer node.

mod common;

use common::{
    Bus,
    Found,
    Tree, //
};
use rdna1_kfd_guard::facts::{
    pci::{
        Driver,
        Id,
        Name,
        RenderNode, //
    },
    topology::{
        File,
        Folder,
        LinkFolder, //
    },
    value::Value, //
};

const NODE: File = File::Node(1);

/// The rules that compare a node with its function.
const COMPARED: [&str; 3] = ["pci-identity", "bank-size", "heap-bar"];

fn named(name: &[u8]) -> Driver {
    Driver::Named(Name::new(name).unwrap())
}

/// Adds node 2, a copy of node 1.
fn add_node_2(tree: &mut Tree) {
    for (file, text) in tree.files.clone() {
        if let Some(rest) = file.strip_prefix("nodes/1/") {
            tree.files.insert(format!("nodes/2/{rest}"), text);
        }
    }
    let mut list = |folder: Folder, numbers: Vec<u32>| {
        tree.folders.insert(folder.to_string(), Ok(numbers));
    };
    list(Folder::Nodes, vec![0, 1, 2]);
    list(Folder::Banks(2), vec![0]);
    list(Folder::Links(LinkFolder::Io(2)), vec![0]);
}

#[test]
fn a_node_is_compared_with_its_function_only_if_amdgpu_drives_it_for_that_node() {
    let ours = named(b"amdgpu");
    for (driver, render_node, is_compared) in [
        (Driver::NotSaid, RenderNode::NotSaid, true),
        (ours, RenderNode::NotSaid, true),
        (ours, RenderNode::Minor(128), true),
        // A later probe created another render node, or has not finished.
        (ours, RenderNode::Minor(129), false),
        (ours, RenderNode::None, false),
        (Driver::None, RenderNode::None, false),
        (Driver::Unreadable, RenderNode::NotSaid, false),
        (named(b"vfio-pci"), RenderNode::None, false),
    ] {
        let found = Found::after(|tree, bus| {
            tree.set(NODE, "drm_render_minor", "128");
            bus.0[0].driver = driver;
            bus.0[0].render_node = render_node;
            // Smaller than the public heap, as after a resize while no driver was bound.
            bus.0[0].bar0_bytes = Value::Known(256 << 20);
        });
        let what = format!("{driver:?} {render_node:?}");
        if is_compared {
            found.expect_only("heap-bar", "lie");
        } else {
            found.expect_no_lie();
            assert_eq!(found.rules("unknown"), COMPARED, "{what}");
            assert_eq!(found.gpus()[0]["verdict"], "unknown", "{what}");
        }
    }
}

#[test]
fn a_kernel_that_prints_no_render_minor_is_believed() {
    let found = Found::after(|tree, bus| {
        tree.remove_line(NODE, "drm_render_minor");
        bus.0[0].render_node = RenderNode::Minor(128);
        bus.0[0].driver = named(b"amdgpu");
    });
    assert_eq!(found.rules("unknown"), [""; 0]);
}

/// Its card was removed. No property of the node proves which card it belonged to.
#[test]
fn a_node_without_a_function_is_unknown() {
    for hive in ["0", "7"] {
        let found = Found::after(|tree, bus| {
            bus.0.clear();
            tree.set(NODE, "hive_id", hive);
        });
        found.expect_no_lie();
        assert_eq!(found.rules("truth"), [""; 0]);
        assert_eq!(found.heaps()[0]["verdict"], "unknown");
        assert_eq!(found.heaps()[0]["coarse_grained_only"], "?");
        assert!(found.gpus().is_empty());
    }
}

/// Another GPU was in the slot before, and a program still has its render node open.
#[test]
fn a_node_of_another_device_says_nothing_of_an_undriven_card() {
    let found = Found::after(|tree, bus| {
        tree.set(NODE, "device_id", "29631");
        tree.set(NODE, "gfx_target_version", "100300");
        tree.set(NODE, "hive_id", "7");
        bus.0[0].driver = Driver::None;
    });
    found.expect_all_unknown();
}

#[test]
fn each_of_two_nodes_is_judged_by_its_own_claims() {
    let mut tree = Tree::honest();
    add_node_2(&mut tree);
    let honest = Found::of(&tree, &Bus::honest());
    honest.expect_no_lie();
    let mut compared = [COMPARED, COMPARED].concat();
    assert_eq!(honest.rules("unknown"), compared);
    assert_eq!(honest.gpus().len(), 1);
    assert_eq!(honest.flags().len(), 1);
    assert_eq!(honest.heaps().len(), 2);
    // Both nodes are equal, so the last one counts: KFD appends new nodes.
    assert_eq!(honest.gpus()[0]["node"], "2");
    assert_eq!(honest.gpus()[0]["verdict"], "unknown");

    for liar in [1, 2] {
        let mut tree = tree.clone();
        tree.set(File::Node(liar), "hive_id", "7");
        tree.set(File::Bank(liar, 0), "flags", "1");
        let found = Found::of(&tree, &Bus::honest());
        assert_eq!(found.rules("lie"), ["bank-flags", "hive-id"]);
        compared.sort();
        let mut unknown = found.rules("unknown");
        unknown.sort();
        assert_eq!(unknown, compared);
        for record in found.gpus().iter().chain(&found.flags()) {
            assert_eq!(record["verdict"], "lie");
            assert_eq!(record["node"], liar.to_string());
        }
        assert_eq!(found.flags()[0]["claimed_hot_pluggable"], "1");
        for heap in found.heaps() {
            let is_liars = heap["node"] == liar.to_string();
            let verdict = if is_liars { "lie" } else { "unknown" };
            assert_eq!(heap["verdict"], verdict);
        }
    }
}

/// The other device has another driver, so it replaced the card, whose node a program still holds.
#[test]
fn a_node_where_another_driver_has_another_device_is_unknown() {
    let found = Found::after(|_, bus| {
        bus.0[0].id = Id {
            vendor: 0x144d,
            device: 0xa80a,
        };
        bus.0[0].driver = named(b"nvme");
        bus.0[0].render_node = RenderNode::None;
    });
    found.expect_no_lie();
    assert_eq!(found.rules("unknown"), COMPARED);
}

/// Programs keep the nodes of a removed card. Its replacement may have a node, too.
#[test]
fn old_nodes_at_the_place_of_another_gpu_are_unknown() {
    let mut bus = Bus::honest();
    bus.0[0].id.device = 29704;
    let mut held = Tree::honest();
    add_node_2(&mut held);
    let mut beside_its_own = held.clone();
    beside_its_own.set(File::Node(2), "device_id", "29704");
    for mut tree in [held, beside_its_own] {
        for without_domain in [false, true] {
            if without_domain {
                tree.remove_line(NODE, "domain");
                tree.remove_line(File::Node(2), "domain");
            }
            let found = Found::of(&tree, &bus);
            found.expect_no_lie();
            assert!(found.rules("unknown").contains(&"pci-identity".to_owned()));
        }
    }
}
