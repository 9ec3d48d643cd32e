// SPDX-License-Identifier: GPL-2.0

//! Findings about verdicts.

use crate::machine::Machine;
use crate::{contains, expect, CARD, NODE, NO_PACKAGE};

/// Each lie, by KFD's line that contains it.
#[test]
fn each_lie_is_named() {
    let link = "/sys/class/kfd/kfd/topology/nodes/0/io_links/0/properties";
    let bank = &format!("{NODE}/mem_banks/0/properties");
    let node = &format!("{NODE}/properties");
    let lies: [(&str, &str, &str, &str); 10] = [
        (
            node,
            "gfx_target_version 100100",
            "gfx_target_version 100300",
            "gfx-version",
        ),
        (node, "device_id 29471", "device_id 29631", "pci-identity"),
        (bank, "flags 0", "flags 1", "bank-flags"),
        (bank, "heap_type 1", "heap_type 4", "heap-type"),
        (node, "mem_banks_count 1", "mem_banks_count 2", "bank-count"),
        (
            bank,
            "size_in_bytes 8573157376",
            "size_in_bytes 17179869184",
            "bank-size",
        ),
        (node, "hive_id 0", "hive_id 7", "hive-id"),
        (
            node,
            "num_sdma_xgmi_engines 0",
            "num_sdma_xgmi_engines 2",
            "xgmi",
        ),
        (
            node,
            "capability 142615168",
            "capability 411050624",
            "host-coherent",
        ),
        (link, "flags 3", "flags 1", "link-coherent"),
    ];
    for (file, from, to, rule) in lies {
        for loaded in [true, false] {
            let machine = if loaded {
                Machine::healthy()
            } else {
                Machine::without_module("reconstructed/0x731f-5700xt-largebar")
            };
            machine.edit(file, from, to);
            if loaded {
                machine.write_files();
            }
            let findings = machine.findings();
            let lies: Vec<_> = findings
                .iter()
                .filter(|(id, _, _)| id.starts_with("lie-"))
                .collect();
            let wanted = format!("lie-{rule}");
            // A bank larger than all VRAM is also larger than the BAR.
            assert!(
                lies.iter()
                    .any(|(id, state, _)| *id == wanted && state == "trouble"),
                "{findings:#?}"
            );
            assert!(
                lies.iter()
                    .all(|(id, _, _)| *id == wanted || rule == "bank-size"),
                "{lies:#?}"
            );
            let said: String = lies.iter().map(|(_, _, said)| said.as_str()).collect();
            contains(
                &said,
                &[
                    "expected=",
                    "observed=",
                    "verdict=lie",
                    "docs/truth.md section 3",
                    "KFD's topology does not match the hardware (",
                ],
            );
            assert_eq!(machine.run(&["status"]).status.code(), Some(1));
        }
    }
}

#[test]
fn a_public_heap_behind_a_small_bar() {
    let machine = Machine::healthy();
    machine.put(
        &format!("{CARD}/resource"),
        "0x0000002000000000 0x000000200fffffff 0x14220c\n",
    );
    machine.write_files();
    let said = expect(
        &machine,
        &[
            ("lie-heap-bar", "trouble"),
            ("bar-small", "note"),
            NO_PACKAGE,
        ],
    );
    contains(&said, &["beyond the BAR"]);
}

#[test]
fn an_unknown_is_neither() {
    let machine = Machine::healthy();
    machine.edit(&format!("{NODE}/properties"), "hive_id 0\n", "");
    machine.write_files();
    let said = expect(&machine, &[("verdict-unknown", "unseen"), NO_PACKAGE]);
    contains(&said, &["rule=hive-id", "section 4"]);
    assert_eq!(machine.run(&["status"]).status.code(), Some(3));
}
