// SPDX-License-Identifier: GPL-2.0

//! Findings about the module, its files, and its kernel.

use crate::machine::{Machine, RELEASE};
use crate::{contains, expect, NO_PACKAGE};

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
        ("module-not-installed", "note"),
        ("kernel-unfit", "note"),
        NO_PACKAGE,
    ];
    let said = expect(&machine, &wanted);
    contains(&said, &["CONFIG_RUST is not set", "trixie-backports"]);
    // An installed source shows that the user wants the module.
    machine.put("/var/lib/dkms/rdna1_kfd_guard/0.1.0/source", "");
    let wanted = [
        ("kernel-unfit", "trouble"),
        ("module-not-installed", "note"),
        NO_PACKAGE,
    ];
    expect(&machine, &wanted);
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

/// The module cannot load without debugfs. The advice must name debugfs, not modprobe.
#[test]
fn debugfs_off_and_so_no_module() {
    let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
    machine.put("/proc/cmdline", "ro debugfs=off quiet");
    let wanted = [
        ("module-not-loaded", "trouble"),
        ("debugfs-off", "trouble"),
        NO_PACKAGE,
    ];
    let said = expect(&machine, &wanted);
    contains(&said, &["see debugfs-off", "boot without debugfs=off"]);
    assert!(!said.contains("sudo modprobe"), "{said}");
    let list = format!("/lib/modules/{RELEASE}/modules.dep");
    machine.edit(&list, "updates/rdna1_kfd_guard.ko.xz:\n", "");
    let wanted = [
        ("module-not-installed", "note"),
        ("debugfs-off", "note"),
        NO_PACKAGE,
    ];
    expect(&machine, &wanted);
}

#[test]
fn a_module_that_the_kernel_refused() {
    let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
    let line = "rdna1_kfd_guard: version magic '7.1.9 SMP' should be '7.2.12 SMP'";
    machine.put(
        "/dev/kmsg",
        format!("4,1,5,-;other: version magic\n3,2,6,-;{line}\n"),
    );
    let wanted = [
        ("module-not-loaded", "trouble"),
        ("module-refused", "trouble"),
        NO_PACKAGE,
    ];
    let said = expect(&machine, &wanted);
    contains(&said, &[line, RELEASE, "make && sudo make install"]);
    machine.put("/var/lib/dkms/rdna1_kfd_guard/0.1.0/source", "");
    contains(&expect(&machine, &wanted), &["sudo dkms autoinstall -k"]);
    // Once the module is loaded, the refusal no longer matters.
    machine.load_module();
    expect(&machine, &[NO_PACKAGE]);
}

/// Without a list of the kernel's modules, it is unknown whether the module is installed.
#[test]
fn no_list_of_modules() {
    let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
    machine.remove(&format!("/lib/modules/{RELEASE}/modules.dep"));
    let said = expect(&machine, &[("module-unknown", "unseen"), NO_PACKAGE]);
    contains(&said, &["modules.dep", "KFD's sysfs"]);
}

#[test]
fn files_that_are_not_there() {
    let machine = Machine::healthy();
    machine.remove("/sys/kernel/debug/rdna1");
    let said = expect(&machine, &[("module-files", "trouble"), NO_PACKAGE]);
    contains(&said, &["modprobe -r"]);
}
