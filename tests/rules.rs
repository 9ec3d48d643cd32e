// SPDX-License-Identifier: GPL-2.0

//! Tests of each rule: its verdicts truth, lie and unknown.

mod common;

use common::{
    Bus,
    Found, //
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
    rules::RULES, //
};

const NODE: File = File::Node(1);
const BANK: File = File::Bank(1, 0);
const LINK_FROM_CPU: File = File::Link(LinkFolder::Io(0), 0);
const LINK_OF_CARD: File = File::Link(LinkFolder::Io(1), 0);

#[test]
fn every_rule_says_truth_of_an_honest_card() {
    let found = Found::after(|_, _| ());
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
        Found::after(|tree, _| tree.set(file, key, value)).expect_only(rule, "lie");
    }
}

#[test]
fn a_bank_larger_than_any_board_is_a_lie() {
    // One byte more than 8 GiB. BAR0 is large enough, so that heap-bar does not fail, too.
    let found = Found::after(|tree, bus| {
        tree.set(BANK, "size_in_bytes", "8589934593");
        bus.0[0].bar0_bytes = Value::Known(16 << 30);
    });
    found.expect_only("bank-size", "lie");
}

#[test]
fn a_public_heap_behind_a_small_bar_is_a_lie() {
    let small = |bus: &mut Bus| bus.0[0].bar0_bytes = Value::Known(256 << 20);
    Found::after(|_, bus| small(bus)).expect_only("heap-bar", "lie");
    // A private heap behind a large BAR claims less than the hardware has.
    let found = Found::after(|tree, _| tree.set(BANK, "heap_type", "2"));
    assert_eq!(found.rules("lie"), [""; 0]);
}

#[test]
fn a_second_bank_is_a_lie_of_each_bank() {
    let found = Found::after(|tree, _| {
        let bank = tree.files[&BANK.to_string()].clone();
        tree.files.insert(File::Bank(1, 1).to_string(), bank);
        tree.folders
            .insert(Folder::Banks(1).to_string(), Ok(vec![1, 0]));
    });
    found.expect_only("bank-count", "lie");
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
            let found = Found::after(|tree, _| tree.set(file, key, bad));
            found.expect_only(rule, "unknown");
            assert_eq!(found.tally.errors_malformed, 1, "{key} {bad}");
        }
        // A card may have no link from the CPU, and a link without flags counts as no link.
        if rule != "link-coherent" {
            Found::after(|tree, _| tree.remove_line(file, key)).expect_only(rule, "unknown");
        }
    }
}

#[test]
fn two_rules_need_the_heap_type_and_the_size() {
    let found = Found::after(|tree, _| tree.remove_line(BANK, "heap_type"));
    assert_eq!(found.rules("unknown"), ["heap-type", "heap-bar"]);
    assert_eq!(found.heaps()[0]["heap"], "?");
    assert_eq!(found.heaps()[0]["rules"], "heap-type,heap-bar");
    let found = Found::after(|tree, _| tree.remove_line(BANK, "size_in_bytes"));
    assert_eq!(found.rules("unknown"), ["bank-size", "heap-bar"]);
}

#[test]
fn a_lie_outweighs_an_unknown() {
    let found = Found::after(|tree, _| {
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
        Found::after(move |tree, _| {
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
    twice("flags 1\n").expect_only("bank-flags", "unknown");
}

#[test]
fn a_last_line_that_is_cut_off_is_unknown() {
    let found =
        Found::after(|tree, _| tree.put(BANK, "heap_type 1\nflags 0\nsize_in_bytes 857315"));
    assert_eq!(found.rules("unknown"), ["bank-size", "heap-bar"]);
    assert_eq!(found.rules("lie"), [""; 0]);
}

#[test]
fn a_hive_alone_is_a_claim_of_xgmi() {
    let found = Found::after(|tree, _| tree.set(NODE, "hive_id", "1"));
    assert_eq!(found.flags()[0]["claimed_xgmi"], "1");
}

#[test]
fn a_bank_is_no_larger_than_what_amdgpu_found() {
    let size = |bytes: &'static str, vram: Value| {
        Found::after(move |tree, bus| {
            tree.set(BANK, "size_in_bytes", bytes);
            bus.0[0].vram_total_bytes = vram;
            bus.0[0].bar0_bytes = Value::Known(16 << 30);
        })
    };
    // A 5600 XT, and a fictitious board with more VRAM than any on sale.
    for (bytes, vram) in [("6425673728", 6_425_673_728), ("17179869184", 16 << 30)] {
        let found = size(bytes, Value::Known(vram));
        assert_eq!(found.rules("truth").len(), RULES.len());
        let check = &found.checks()[5];
        assert_eq!(check["expected"], format!("1..{vram}"));
    }
    size("6425673729", Value::Known(6_425_673_728)).expect_only("bank-size", "lie");
    // If amdgpu does not tell the size, the largest board is the limit. 0 bytes is no real size.
    for vram in [Value::Absent, Value::Unreadable, Value::Known(0)] {
        size("8589934592", vram).expect_no_lie();
        size("8589934593", vram).expect_only("bank-size", "lie");
    }
}

#[test]
fn sizes_at_the_limit_are_truth() {
    let found = Found::after(|tree, _| tree.set(BANK, "size_in_bytes", "8589934592"));
    assert_eq!(found.rules("truth").len(), RULES.len());
}

/// Kernels before 5.4 do not print the domain: assume 0.
#[test]
fn no_domain_is_domain_0() {
    let found = Found::after(|tree, _| tree.remove_line(NODE, "domain"));
    assert_eq!(found.rules("truth").len(), RULES.len());
}

#[test]
fn a_node_that_claims_to_be_the_card_where_another_device_sits_lies() {
    let nvidia = Id {
        vendor: 0x10de,
        device: 0x1eb8,
    };
    let found = Found::after(|_, bus| bus.0[0].id = nvidia);
    assert_eq!(found.rules("lie"), ["pci-identity"]);
    let check = &found.checks()[1];
    assert_eq!(check["expected"], "0x10de:0x1eb8");
    assert_eq!(check["observed"], "0x1002:0x731f");
    // The module knows nothing about that device, and `gpus` does not list it.
    assert_eq!(found.heaps()[0]["coarse_grained_only"], "?");
    assert_eq!(found.flags()[0]["gfx"], "?");
    assert!(found.gpus().is_empty());
}

#[test]
fn a_file_that_may_not_be_read_is_unknown() {
    let found = Found::after(|tree, _| tree.fail(BANK, ReadError::Denied));
    assert_eq!(found.rules("lie"), [""; 0]);
    assert_eq!(
        found.rules("unknown"),
        ["bank-flags", "heap-type", "bank-size", "heap-bar"]
    );
    assert_eq!(found.tally.errors_denied, 1);
    assert_eq!(found.heaps()[0]["size_bytes"], "?");
}
