// SPDX-License-Identifier: GPL-2.0

//! Findings about the card: bus, driver, KFD, path, BAR and firmware.

use crate::machine::{Atomics, Machine, RELEASE};
use crate::{contains, expect, CARD, NODE, NO_PACKAGE};

#[test]
fn no_card_and_another_card() {
    let machine = Machine::bare();
    let wanted = [("module-not-loaded", "trouble"), ("no-card", "trouble")];
    contains(
        &expect(&machine, &wanted),
        &["no display controller of AMD's"],
    );
    for (name, text) in [
        ("vendor", "0x1002\n"),
        ("device", "0x7340\n"),
        ("class", "0x030000\n"),
    ] {
        machine.put(&format!("/sys/bus/pci/devices/0000:0a:00.0/{name}"), text);
    }
    contains(&expect(&machine, &wanted), &["0000:0a:00.0", "1002:7340"]);
}

#[test]
fn no_driver() {
    let machine = Machine::healthy();
    machine.unbind("0000:03:00.0");
    machine.remove("/sys/module/amdgpu");
    machine.remove("/sys/class/kfd");
    machine.write_files();
    let wanted = [
        ("driver-none", "trouble"),
        ("kfd-absent", "trouble"),
        ("bar-unknown", "unseen"),
    ];
    // rdna1ctl does not look for firmware that no driver needs yet.
    machine.put("/lib/firmware/amdgpu/navi10_mec.bin.xz", "");
    let findings = machine.findings();
    let troubles: Vec<_> = findings
        .iter()
        .map(|(id, state, _)| (id.as_str(), state.as_str()))
        .collect();
    for one in wanted {
        assert!(troubles.contains(&one), "{findings:#?}");
    }
    let said: String = findings.iter().map(|(_, _, said)| said.as_str()).collect();
    contains(&said, &["sudo modprobe amdgpu", "reason=no-driver"]);

    machine.put("/proc/cmdline", "ro modprobe.blacklist=nouveau,amdgpu");
    let said: String = machine
        .findings()
        .into_iter()
        .map(|(_, _, said)| said)
        .collect();
    contains(&said, &["boot without modprobe.blacklist=nouveau,amdgpu"]);
}

/// KFD lists a card only for its driver. Without one, the node is stale; loading one does not help.
#[test]
fn in_kfd_without_a_driver() {
    let machine = Machine::healthy();
    machine.unbind("0000:03:00.0");
    machine.write_files();
    let wanted = [
        ("driver-unclear", "note"),
        ("verdict-unknown", "unseen"),
        NO_PACKAGE,
    ];
    let said = expect(&machine, &wanted);
    contains(
        &said,
        &[
            "KFD lists the card",
            "node=1",
            "close the programs that hold the card's render node",
        ],
    );
}

/// Without a list of its modules, it is unknown whether a kernel has amdgpu.
#[test]
fn no_driver_and_no_list_of_modules() {
    let machine = Machine::bare();
    machine.add_card(
        &std::fs::read_to_string(
            crate::machine::captures().join("reconstructed/0x731f-5700xt-largebar/pci"),
        )
        .unwrap(),
        Atomics::Completer,
    );
    machine.unbind("0000:03:00.0");
    machine.remove(&format!("/lib/modules/{RELEASE}/modules.dep"));
    let findings = machine.findings();
    let (_, _, said) = findings
        .iter()
        .find(|(id, ..)| id == "driver-none")
        .unwrap();
    contains(said, &["is not known", "sudo modprobe amdgpu"]);
    assert!(!said.contains("came without amdgpu"), "{said}");
}

#[test]
fn another_driver() {
    let machine = Machine::healthy();
    machine.unbind("0000:03:00.0");
    machine.put(
        &format!("{CARD}/uevent"),
        "DRIVER=vfio-pci\nPCI_ID=1002:731F\n",
    );
    machine.remove(NODE);
    machine.write_files();
    let said: String = machine
        .findings()
        .into_iter()
        .map(|(_, _, said)| said)
        .collect();
    contains(
        &said,
        &[
            "driver-other",
            "vfio-pci drives the card",
            "kfd-absent",
            "reason=not-amdgpu",
        ],
    );
}

#[test]
fn absent_from_kfd() {
    let machine = Machine::healthy();
    machine.remove(NODE);
    machine.write_files();
    add_firmware(&machine, 12);
    let wanted = [
        ("kfd-absent", "trouble"),
        ("bar-unknown", "unseen"),
        NO_PACKAGE,
    ];
    contains(
        &expect(&machine, &wanted),
        &["reason=unknown", "the reason is unknown"],
    );
    // Without KFD.
    machine.remove("/sys/class/kfd");
    machine.edit(
        &format!("/boot/config-{RELEASE}"),
        "CONFIG_HSA_AMD=y",
        "# CONFIG_HSA_AMD is not set",
    );
    machine.write_files();
    contains(
        &expect(&machine, &wanted),
        &["reason=no-kfd", "CONFIG_HSA_AMD is not set"],
    );
}

fn add_firmware(machine: &Machine, count: usize) {
    let blocks = [
        "asd", "ce", "me", "mec", "mec2", "pfp", "rlc", "sdma", "sdma1", "smc", "sos", "vcn",
    ];
    for block in blocks.into_iter().take(count) {
        machine.put(&format!("/lib/firmware/amdgpu/navi10_{block}.bin.xz"), "");
    }
}

#[test]
fn skipped_for_want_of_atomics() {
    let machine = Machine::healthy();
    machine.remove(NODE);
    machine.set_atomics("0000:03:00.0", Atomics::None);
    machine.put(&format!("{CARD}/fw_version/mec_fw_version"), "0x00000078\n");
    machine.put(
        "/dev/kmsg",
        "6,901,7083426,-;kfd kfd: amdgpu: skipped device 1002:731f, PCI rejects atomics 120<145\n",
    );
    machine.write_files();
    let wanted = [
        ("kfd-absent", "trouble"),
        ("atomics-none", "note"),
        ("bar-unknown", "unseen"),
        NO_PACKAGE,
    ];
    let said = expect(&machine, &wanted);
    contains(
        &said,
        &[
            "reason=atomics",
            "mec_fw=120",
            "PCI rejects atomics 120<145",
            "0000:00:01.0",
            "update the firmware",
        ],
    );
}

#[test]
fn no_atomics_and_a_firmware_that_does_without() {
    let machine = Machine::healthy();
    machine.set_atomics("0000:03:00.0", Atomics::None);
    machine.edit(
        &format!("{NODE}/io_links/0/properties"),
        "flags 1",
        "flags 13",
    );
    machine.write_files();
    let said = expect(&machine, &[("atomics-none", "note"), NO_PACKAGE]);
    contains(
        &said,
        &[
            "atomics_hop=0000:00:01.0",
            "atomics_kfd=tolerated",
            "KFD accepted the card",
        ],
    );
}

#[test]
fn missing_firmware() {
    let machine = Machine::healthy();
    // amdgpu's probe fails without its firmware.
    machine.unbind("0000:03:00.0");
    machine.remove(NODE);
    machine.write_files();
    let base = [
        ("driver-none", "trouble"),
        ("kfd-absent", "trouble"),
        ("firmware-missing", "trouble"),
        ("bar-unknown", "unseen"),
        NO_PACKAGE,
    ];
    contains(
        &expect(&machine, &base),
        &["there is no firmware for amdgpu"],
    );
    add_firmware(&machine, 10);
    contains(&expect(&machine, &base), &["navi10_sos.bin navi10_vcn.bin"]);
    add_firmware(&machine, 12);
    machine.put(
        "/dev/kmsg",
        "3,901,7083426,-;amdgpu 0000:03:00.0: Direct firmware load for amdgpu/navi10_sos.bin failed with error -2\n",
    );
    contains(&expect(&machine, &base), &["failed with error -2"]);
}

#[test]
fn a_small_and_a_partial_bar() {
    let machine = Machine::without_module("reconstructed/0x731f-5600xt-smallbar");
    machine.load_module();
    let said = expect(&machine, &[("bar-small", "note"), NO_PACKAGE]);
    contains(&said, &["256 MiB", "Resizable BAR"]);
    let place = "/sys/devices/pci0000:00/0000:00:01.0/0000:09:00.0/resource";
    machine.put(place, "0x0000002000000000 0x000000203fffffff 0x14220c\n");
    machine.write_files();
    contains(
        &expect(&machine, &[("bar-partial", "note"), NO_PACKAGE]),
        &["1.0 GiB"],
    );
}

#[test]
fn a_narrow_link_but_not_a_slow_one() {
    let machine = Machine::healthy();
    machine.put(&format!("{CARD}/current_link_speed"), "2.5 GT/s PCIe\n");
    machine.write_files();
    // The module reads registers and rdna1ctl reads files: both must agree.
    expect(&machine, &[NO_PACKAGE]);
    machine.put(&format!("{CARD}/current_link_width"), "4\n");
    machine.write_files();
    contains(
        &expect(&machine, &[("link-narrow", "note"), NO_PACKAGE]),
        &["4 lanes of 16"],
    );
}

/// Seen when a card had just fallen asleep: all bits are set, and no slot has that many lanes.
#[test]
fn a_link_that_nobody_can_have() {
    for (width, shown) in [
        ("63", "? GT/s x? now"),
        ("255", "? GT/s x? now"),
        ("16", "? GT/s x16 now"),
    ] {
        let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
        machine.put(&format!("{CARD}/current_link_speed"), "Unknown\n");
        machine.put(&format!("{CARD}/current_link_width"), format!("{width}\n"));
        machine.put(&format!("{CARD}/config"), [0xff; 256]);
        contains(&machine.says(&["status"], 0), &[shown]);
        assert!(machine
            .findings()
            .iter()
            .all(|(id, ..)| id != "link-narrow"));
    }
}

/// The GPU's own link, to the card's switch, always runs at its maximum. The slot's link counts.
#[test]
fn a_narrow_slot_before_the_cards_own_switch() {
    let machine = Machine::healthy();
    machine.add_switch("8.0", 4);
    let found = machine.findings();
    let narrow = found.iter().find(|(id, ..)| id == "link-narrow");
    let (_, state, said) = narrow.unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!(state, "note");
    contains(
        said,
        &["4 lanes of 16", "/sys/bus/pci/devices/0000:01:00.0"],
    );
    let page = machine.says(&["status"], 0);
    assert!(
        page.contains("  link       8 GT/s x4 now, 16 GT/s x16 at most\n"),
        "{page}"
    );
    let slot = &machine.json("status", 0)["cards"][0]["slot_link"];
    assert_eq!((&slot["width"], &slot["gts"]), (&4.into(), &8.0.into()));
    machine.put(
        "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/current_link_width",
        "16\n",
    );
    assert!(!machine
        .findings()
        .iter()
        .any(|(id, ..)| id == "link-narrow"));
}
