// SPDX-License-Identifier: GPL-2.0

//! Remedies for a system that lacks something for the module. Each system gets its own, the same as
//! in `scripts/preflight.sh` (`tests/systems.rs` of the module tests those).

use super::{contains, expect, Machine, NO_PACKAGE};
use crate::machine::RELEASE;

/// A system on which the module was never installed.
fn without_module(os_release: &str) -> Machine {
    let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
    let list = format!("/lib/modules/{RELEASE}/modules.dep");
    machine.edit(&list, "updates/rdna1_kfd_guard.ko.xz:\n", "");
    machine.put("/etc/os-release", os_release);
    machine
}

#[test]
fn each_system_has_its_own_remedies() {
    for (os_release, kernel, headers) in [
        (
            "ID=debian\nVERSION_CODENAME=trixie\n",
            "apt install -t trixie-backports",
            "apt install linux-headers-",
        ),
        (
            "ID=debian\nVERSION_CODENAME=\"bookworm\"\n",
            "upgrade to Debian 13",
            "apt install linux-headers-",
        ),
        (
            "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=22.1\nUBUNTU_CODENAME=noble\n",
            "linux-generic-hwe-24.04",
            "apt install linux-headers-",
        ),
        (
            "ID=fedora\n",
            "dnf upgrade kernel",
            "dnf install kernel-devel-",
        ),
        (
            "ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n",
            "RHEL's kernels are too old",
            "dnf install kernel-devel-",
        ),
        ("ID=arch\n", "pacman -S linux", "pacman -S linux-headers"),
        (
            "ID=cachyos\nID_LIKE=arch\n",
            "linux-cachyos-bore",
            "pacman -S linux-cachyos-headers",
        ),
        (
            "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n",
            "openSUSE's kernels have no Rust",
            "zypper install",
        ),
        ("ID=nixos\n", "boot a kernel that has it", "nix-build"),
        (
            "",
            "boot a kernel that has it",
            "install the headers of kernel",
        ),
    ] {
        let machine = without_module(os_release);
        if os_release.contains("cachyos") {
            machine.put(
                &format!("/lib/modules/{RELEASE}/pkgbase"),
                "linux-cachyos\n",
            );
        }
        machine.remove(&format!("/lib/modules/{RELEASE}/build"));
        let wanted = [
            ("module-not-installed", "note"),
            ("headers-missing", "note"),
            NO_PACKAGE,
        ];
        let said = expect(&machine, &wanted);
        contains(&said, &[headers]);
        machine.edit(&format!("/boot/config-{RELEASE}"), "CONFIG_RUST=y\n", "");
        let wanted = [
            ("module-not-installed", "note"),
            ("kernel-unfit", "note"),
            NO_PACKAGE,
        ];
        let also = expect(&machine, &wanted);
        contains(&also, &[kernel]);
        let begins = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase());
        let left = (said + &also).split('{').skip(1).any(begins);
        assert!(!left, "a word in braces is left");
    }
}

#[test]
fn metadata_that_a_package_brings_is_looked_for() {
    let machine = without_module("ID=ubuntu\nID_LIKE=debian\n");
    machine.remove(&format!("/lib/modules/{RELEASE}/build/rust/libcore.rmeta"));
    let said = expect(
        &machine,
        &[
            ("module-not-installed", "note"),
            ("metadata-missing", "note"),
            NO_PACKAGE,
        ],
    );
    contains(
        &said,
        &[&format!("sudo apt install linux-lib-rust-{RELEASE}")],
    );
    machine.put(
        &format!("/usr/src/linux-lib-rust-{RELEASE}/rust/libcore.rmeta"),
        "",
    );
    expect(&machine, &[("module-not-installed", "note"), NO_PACKAGE]);
}
