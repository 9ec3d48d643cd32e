// SPDX-License-Identifier: GPL-2.0

//! Findings about the driver, its package and its sources.

use crate::machine::{Machine, RELEASE};
use crate::{contains, expect, NO_PACKAGE};

#[test]
fn a_package_that_is_as_it_was() {
    let machine = Machine::healthy();
    add_package(&machine);
    expect(&machine, &[]);
}

/// Adds a package with amdgpu.ko and its checksum.
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

/// rdna1ctl compares a long file completely, and does not count an unreadable one as compared.
#[test]
fn a_long_driver_and_one_that_is_no_file() {
    let machine = Machine::healthy();
    let file = add_package(&machine);
    let long = "x".repeat(70 << 20);
    machine.put(&format!("/{file}"), &long);
    let list = format!("/var/lib/dpkg/info/linux-modules-{RELEASE}.md5sums");
    machine.put(&list, format!("{}  {file}\n", sum(&long)));
    expect(&machine, &[]);
    machine.put(&format!("/{file}"), format!("{long}y"));
    expect(&machine, &[("amdgpu-changed", "trouble")]);
    machine.remove(&format!("/{file}"));
    std::fs::create_dir(machine.path(&format!("/{file}"))).unwrap();
    let said = expect(&machine, &[("amdgpu-package", "unseen")]);
    contains(&said, &["0 files compared, 1 could not be read"]);
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
fn amds_package_is_told_with_its_version_and_the_place_of_the_patch() {
    let machine = Machine::healthy();
    let version = "6.16.6-2238411.24.04";
    let file = format!("/usr/src/amdgpu-{version}/amd/amdkfd/kfd_crat.c");
    machine.put(&file, "int x;\n");
    machine.put(
        &format!("/var/lib/dkms/amdgpu/{version}/source/dkms.conf"),
        "",
    );
    let said = expect(&machine, &[("amdgpu-dkms-not-built", "note"), NO_PACKAGE]);
    contains(
        &said,
        &[
            version,
            &file,
            "no trace of it",
            &format!("sudo dkms install amdgpu/{version} -k {RELEASE}"),
        ],
    );
    // A build for another kernel does not count for this one.
    machine.put(
        &format!("/var/lib/dkms/amdgpu/{version}/6.1.0/x86_64/module/amdgpu.ko"),
        "",
    );
    expect(&machine, &[("amdgpu-dkms-not-built", "note"), NO_PACKAGE]);
    machine.put(
        &format!("/var/lib/dkms/amdgpu/{version}/{RELEASE}/x86_64/module/amdgpu.ko"),
        "",
    );
    let said = expect(&machine, &[("amdgpu-dkms", "note"), NO_PACKAGE]);
    contains(&said, &["is built for the running kernel", &file]);
    machine.put(&file, "/* RDNA1 FIX */\n");
    let said = expect(
        &machine,
        &[
            ("amdgpu-patched", "trouble"),
            ("amdgpu-dkms", "note"),
            NO_PACKAGE,
        ],
    );
    contains(&said, &["has the known patch"]);
}
