// SPDX-License-Identifier: GPL-2.0

//! Tests of the file `gpus`: its PCI facts, and the reason why a card is absent from KFD.

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

#[test]
fn why_a_card_is_absent() {
    let named = |name: &[u8]| Driver::Named(Name::new(name).unwrap());
    for (driver, kfd, reason) in [
        (Driver::None, false, "no-driver"),
        (named(b"vfio-pci"), true, "not-amdgpu"),
        (named(b"amdgpu"), false, "no-kfd"),
        (named(b"amdgpu"), true, "unknown"),
        (Driver::NotSaid, true, "unknown"),
        (Driver::Unreadable, true, "unknown"),
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
    let none = Atomics::None(Some(hop));
    for (atomics, mec_fw, said, blamed, reason) in [
        (none, Value::Known(144), "none", "0000:00:01.0", "atomics"),
        (Atomics::None(None), Value::Known(0), "none", "?", "atomics"),
        // MEC firmware from this version on does not need AtomicOps.
        (none, Value::Known(145), "none", "0000:00:01.0", "unknown"),
        (none, Value::Absent, "none", "0000:00:01.0", "unknown"),
        (none, Value::Unreadable, "none", "0000:00:01.0", "unknown"),
        (
            Atomics::Completer,
            Value::Known(144),
            "completer",
            "-",
            "unknown",
        ),
        (
            Atomics::Unknown,
            Value::Known(144),
            "unknown",
            "?",
            "unknown",
        ),
    ] {
        let mut bus = Bus::honest();
        bus.0[0].driver = Driver::Named(Name::new(b"amdgpu").unwrap());
        bus.0[0].atomics = atomics;
        bus.0[0].mec_fw = mec_fw;
        // While amdgpu probes, KFD may still add the node.
        bus.0[0].render_node = RenderNode::None;
        assert_eq!(Found::of(&tree, &bus).gpus()[0]["reason"], "unknown");
        bus.0[0].render_node = RenderNode::Minor(128);
        let gpu = &Found::of(&tree, &bus).gpus()[0];
        assert_eq!(gpu["atomics"], said);
        assert_eq!(gpu["atomics_hop"], blamed);
        assert_eq!(gpu["atomics_kfd"], "?");
        assert_eq!(gpu["mec_fw"], mec_fw.to_string());
        assert_eq!(
            (gpu["kfd"].as_str(), gpu["reason"].as_str()),
            ("absent", reason)
        );
        assert_eq!(gpu["verdict"], "unjudged");
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
        found.expect_no_lie();
    }
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
    // A bank may be empty, or no larger than the BAR: amdgpu can simulate a large BAR.
    for bytes in ["0", "268435456"] {
        let mut tree = Tree::honest();
        tree.set(File::Bank(1, 0), "size_in_bytes", bytes);
        let mut bus = Bus::honest();
        bus.0[0].bar0_bytes = Value::Known(256 << 20);
        assert_eq!(Found::of(&tree, &bus).gpus()[0]["bar"], "small", "{bytes}");
    }
    // Without KFD the size of VRAM is unknown, so only a small BAR is certain.
    for (bar0, bar) in [(256 << 20, "small"), (8 << 30, "?")] {
        let mut bus = Bus::honest();
        bus.0[0].bar0_bytes = Value::Known(bar0);
        assert_eq!(Found::of(&Tree::default(), &bus).gpus()[0]["bar"], bar);
    }
}

#[test]
fn the_speed_of_a_link() {
    for (code, speed) in [
        (Value::Known(1), "2.5"),
        (Value::Known(2), "5"),
        (Value::Known(3), "8"),
        (Value::Known(4), "16"),
        (Value::Known(5), "32"),
        (Value::Known(6), "64"),
        (Value::Known(0), "?"),
        (Value::Known(7), "?"),
        (Value::Unreadable, "?"),
    ] {
        let mut bus = Bus::honest();
        bus.0[0].link.speed_code = code;
        let gpu = &Found::of(&Tree::honest(), &bus).gpus()[0];
        assert_eq!(gpu["link_gts"], speed, "{code:?}");
        assert_eq!(gpu["link_gts_max"], "?");
    }
}

#[test]
fn the_board_of_a_revision() {
    for (revision, board) in [
        (0xc0, "RX-5700-XT-50th-Anniversary"),
        (0xc1, "RX-5700-XT"),
        (0xc2, "RX-5600M"),
        (0xc3, "RX-5700M"),
        (0xc4, "RX-5700"),
        (0xc5, "RX-5700-XT"),
        (0xca, "RX-5600-XT"),
        (0xcb, "RX-5600-OEM"),
        (0xc6, "?"),
        (0x00, "?"),
    ] {
        let mut bus = Bus::honest();
        bus.0[0].revision = Value::Known(revision);
        let gpu = &Found::of(&Tree::honest(), &bus).gpus()[0];
        assert_eq!(gpu["board"], board, "{revision:#x}");
    }
}
