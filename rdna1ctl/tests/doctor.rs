// SPDX-License-Identifier: GPL-2.0

//! Each trouble one by one, and a healthy machine as the control.

mod machine;

use machine::{Atomics, Machine, RELEASE};

const CARD: &str = "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0";
const NODE: &str = "/sys/class/kfd/kfd/topology/nodes/1";

/// Demands that these are all findings that are not good; gives what is said in them.
fn expect(machine: &Machine, wanted: &[(&str, &str)]) -> String {
    let findings = machine.findings();
    let seen: Vec<_> = findings
        .iter()
        .map(|(id, state, _)| (id.as_str(), state.as_str()))
        .collect();
    assert_eq!(seen, wanted, "{findings:#?}");
    findings.into_iter().map(|(_, _, said)| said).collect()
}

fn contains(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

/// Nobody knows whether amdgpu is as its package has it where no package has it.
const NO_PACKAGE: (&str, &str) = ("amdgpu-package", "unseen");

#[test]
fn a_healthy_machine_has_no_trouble() {
    expect(&Machine::healthy(), &[NO_PACKAGE]);
}

#[test]
fn a_package_that_is_as_it_was() {
    let machine = Machine::healthy();
    add_package(&machine);
    expect(&machine, &[]);
}

/// amdgpu.ko in a package, with its sum.
fn add_package(machine: &Machine) -> String {
    let file = format!("usr/lib/modules/{RELEASE}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz");
    machine.put(&format!("/{file}"), "a module");
    machine.put(
        &format!("/var/lib/dpkg/info/linux-modules-{RELEASE}.md5sums"),
        format!(
            "17c8b9b6c8c4ed1b3bd8f2ae6a7a4a52  usr/share/doc/other\n{}  {file}\n",
            sum("a module")
        ),
    );
    file
}

fn sum(text: &str) -> String {
    use md5::Digest as _;
    let sum = md5::Md5::digest(text);
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_changed_driver() {
    let machine = Machine::healthy();
    let file = add_package(&machine);
    machine.put(&format!("/{file}"), "another module");
    let said = expect(&machine, &[("amdgpu-changed", "trouble")]);
    contains(&said, &[&file, "differs", "--reinstall linux-modules-"]);
}

#[test]
fn a_changed_dkms_source() {
    let machine = Machine::healthy();
    add_package(&machine);
    let file = "usr/src/amdgpu-6.16.6/amd/amdkfd/kfd_crat.c";
    machine.put(
        "/var/lib/dpkg/info/amdgpu-dkms.md5sums",
        format!("{}  {file}\n", sum("as it came")),
    );
    machine.put(&format!("/{file}"), "as it came");
    expect(&machine, &[]);
    machine.put(
        &format!("/{file}"),
        "int x;\n/* RDNA1 FIX for device 0x731F */\n",
    );
    machine.put(&format!("/{file}.patched"), "");
    let said = expect(
        &machine,
        &[("amdgpu-patched", "trouble"), ("amdgpu-changed", "trouble")],
    );
    contains(
        &said,
        &[
            "kfd_crat.c:2",
            "RDNA1 FIX",
            "kfd_crat.c.patched",
            "--reinstall amdgpu-dkms",
        ],
    );
}

#[test]
fn a_patched_driver_in_memory() {
    let machine = Machine::healthy();
    add_package(&machine);
    machine.put(
        "/sys/kernel/debug/dynamic_debug/control",
        "kfd_crat.c:1127 [amdgpu]kfd_parse_subtype_mem =_ \"KFD: Enabling fine-grained for RDNA1 0x%x\\n\"\n",
    );
    let said = expect(&machine, &[("amdgpu-patched", "trouble")]);
    contains(&said, &["dynamic_debug/control", "kfd_parse_subtype_mem"]);
}

#[test]
fn a_driver_from_outside_is_named_and_no_trouble() {
    let machine = Machine::healthy();
    machine.edit(
        &format!("/lib/modules/{RELEASE}/modules.dep"),
        "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz",
        "updates/dkms/amdgpu.ko.zst",
    );
    let said = expect(&machine, &[("amdgpu-out-of-tree", "note"), NO_PACKAGE]);
    contains(&said, &["updates/dkms/amdgpu.ko.zst"]);
}

#[test]
fn no_module() {
    let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
    machine.edit(
        &format!("/lib/modules/{RELEASE}/modules.dep"),
        "updates/rdna1_kfd_guard.ko.xz:\n",
        "",
    );
    let said = expect(&machine, &[("module-not-installed", "note"), NO_PACKAGE]);
    contains(&said, &["KFD's sysfs"]);
}

#[test]
fn a_module_that_is_not_loaded() {
    let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
    let said = expect(&machine, &[("module-not-loaded", "trouble"), NO_PACKAGE]);
    contains(&said, &["modprobe rdna1_kfd_guard"]);
    assert!(!said.contains("locked down"));
    machine.put(
        "/sys/kernel/security/lockdown",
        "none [integrity] confidentiality\n",
    );
    let said = expect(&machine, &[("module-not-loaded", "trouble"), NO_PACKAGE]);
    contains(&said, &["locked down (integrity)", "Sign the module"]);
}

#[test]
fn a_module_for_another_kernel() {
    let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
    machine.edit(
        &format!("/lib/modules/{RELEASE}/modules.dep"),
        "updates/rdna1_kfd_guard.ko.xz:\n",
        "",
    );
    machine.put(
        "/lib/modules/7.1.9+deb13-amd64/modules.dep",
        "updates/dkms/rdna1_kfd_guard.ko.xz:\n",
    );
    let said = expect(&machine, &[("module-other-kernel", "trouble"), NO_PACKAGE]);
    contains(&said, &["7.1.9+deb13-amd64", RELEASE, "sudo make install"]);
    machine.put("/var/lib/dkms/rdna1_kfd_guard/0.1.0/source", "");
    let said = expect(&machine, &[("module-other-kernel", "trouble"), NO_PACKAGE]);
    contains(&said, &[&format!("sudo dkms autoinstall -k {RELEASE}")]);
}

#[test]
fn an_unfit_kernel() {
    let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
    machine.edit(
        &format!("/lib/modules/{RELEASE}/modules.dep"),
        "updates/rdna1_kfd_guard.ko.xz:\n",
        "",
    );
    machine.edit(&format!("/boot/config-{RELEASE}"), "CONFIG_RUST=y\n", "");
    machine.remove(&format!("/lib/modules/{RELEASE}/build"));
    let wanted = [
        ("kernel-unfit", "trouble"),
        ("module-not-installed", "note"),
        ("headers-missing", "note"),
        NO_PACKAGE,
    ];
    let said = expect(&machine, &wanted);
    contains(
        &said,
        &[
            "CONFIG_RUST is not set",
            &format!("linux-headers-{RELEASE}"),
        ],
    );
}

#[test]
fn debugfs_not_mounted_and_off() {
    let machine = Machine::healthy();
    machine.put("/proc/self/mounts", "proc /proc proc rw 0 0\n");
    let said = expect(&machine, &[("debugfs-not-mounted", "trouble"), NO_PACKAGE]);
    contains(&said, &["sudo mount -t debugfs"]);
    machine.put("/proc/cmdline", "ro debugfs=off quiet");
    let said = expect(&machine, &[("debugfs-off", "trouble"), NO_PACKAGE]);
    contains(&said, &["debugfs=off on the kernel's command line"]);
    machine.put("/proc/cmdline", "ro quiet");
    machine.put("/proc/filesystems", "nodev\tsysfs\n");
    expect(&machine, &[("debugfs-off", "trouble"), NO_PACKAGE]);
}

#[test]
fn files_that_are_not_there() {
    let machine = Machine::healthy();
    machine.remove("/sys/kernel/debug/rdna1");
    let said = expect(&machine, &[("module-files", "trouble"), NO_PACKAGE]);
    contains(&said, &["modprobe -r"]);
}

#[test]
fn requests_that_are_not_counted() {
    let machine = Machine::healthy();
    machine.edit(
        "/sys/kernel/debug/rdna1/requests",
        "name=svm function=kfd_ioctl_svm state=armed",
        "name=svm function=kfd_ioctl_svm state=blind",
    );
    let said = expect(&machine, &[("requests-not-counted", "trouble"), NO_PACKAGE]);
    contains(&said, &["name=svm", "state=blind", "ftrace_enabled"]);
}

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
    machine.put(&format!("{CARD}/uevent"), "PCI_ID=1002:731F\n");
    machine.remove("/sys/module/amdgpu");
    machine.remove("/sys/class/kfd");
    machine.write_files();
    let wanted = [
        ("driver-none", "trouble"),
        ("kfd-absent", "trouble"),
        ("bar-unknown", "unseen"),
    ];
    // The firmware is not looked for as long as nothing asks for it.
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

#[test]
fn another_driver() {
    let machine = Machine::healthy();
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
            "vfio-pci has the card",
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
        &["reason=unknown", "why is not to be seen"],
    );
    // Without KFD at all.
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
    add_firmware(&machine, 12);
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
            "took the card all the same",
        ],
    );
}

#[test]
fn missing_firmware() {
    let machine = Machine::healthy();
    machine.remove(NODE);
    machine.write_files();
    let base = [
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
    // The module reads registers, we the files: both say the same.
    expect(&machine, &[NO_PACKAGE]);
    machine.put(&format!("{CARD}/current_link_width"), "4\n");
    machine.write_files();
    contains(
        &expect(&machine, &[("link-narrow", "note"), NO_PACKAGE]),
        &["4 lanes of 16"],
    );
}

/// Each lie, by the line of KFD's that tells it.
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
            // A bank that is larger than any is larger than the BAR, too.
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
