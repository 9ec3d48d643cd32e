// SPDX-License-Identifier: GPL-2.0

//! Snapshot tests of the output of `scripts/preflight.sh` on systems that owners of the card run.
//! The systems are fakes, made from public information, and lack what each typically lacks. Nothing
//! was tried on a real one.

mod machine;
mod tool;

use machine::Machine;

/// A fake system: the name of its snapshot, os-release, kernel release, and its differences.
struct System {
    name: &'static str,
    os_release: &'static str,
    release: &'static str,
    lacks: fn(&Machine),
}

const SYSTEMS: [System; 17] = [
    System {
        name: "debian-13",
        os_release: DEBIAN_13,
        release: "7.3.4+deb13-amd64",
        lacks: without_metadata,
    },
    System {
        name: "debian-12",
        os_release: "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_CODENAME=bookworm",
        release: "6.1.0-42-amd64",
        lacks: without_rust,
    },
    System {
        name: "proxmox",
        os_release: DEBIAN_13,
        release: "7.0.14-1-pve",
        lacks: without_metadata,
    },
    System {
        name: "ubuntu-26.04",
        os_release: "PRETTY_NAME=\"Ubuntu 26.04 LTS\"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"26.04\"",
        release: "7.0.0-38-generic",
        lacks: |machine| machine.link_metadata("../linux-lib-rust-7.0.0-38-generic/rust"),
    },
    System {
        name: "ubuntu-24.04-hwe",
        os_release: UBUNTU_24_04,
        release: "7.0.0-14-generic",
        lacks: |machine| {
            machine.made_by("rustc 1.91.1 (fake)");
            machine.tool("rustc", "echo 'rustc 1.75.0 (fake)'");
        },
    },
    System {
        name: "ubuntu-24.04",
        os_release: UBUNTU_24_04,
        release: "6.17.0-20-generic",
        lacks: |_| (),
    },
    System {
        name: "pop",
        os_release: "PRETTY_NAME=\"Pop!_OS 24.04 LTS\"\nID=pop\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"24.04\"",
        release: "7.0.11-76070011-generic",
        lacks: |machine| machine.made_by("rustc 1.92.0 (fake)"),
    },
    System {
        name: "fedora-44",
        os_release: "PRETTY_NAME=\"Fedora Linux 44 (Workstation Edition)\"\nID=fedora\nVERSION_ID=44",
        release: "7.1.9-200.fc44.x86_64",
        lacks: |machine| machine.tool("rustc", "echo 'rustc 1.96.0 (fake) (Fedora 1.96.0-1.fc44)'"),
    },
    System {
        name: "arch",
        os_release: "PRETTY_NAME=\"Arch Linux\"\nID=arch",
        release: "7.2.3-arch1-1",
        lacks: |machine| {
            machine.file("pkgbase", "linux\n");
            machine.tool("rustc", "echo 'rustc 1.96.0 (fake) (Arch Linux rust 1:1.96.0-1)'");
            machine.no_tool("bindgen");
        },
    },
    System {
        name: "arch-lts",
        os_release: "PRETTY_NAME=\"Arch Linux\"\nID=arch",
        release: "6.18.48-1-lts",
        lacks: |machine| machine.file("pkgbase", "linux-lts\n"),
    },
    System {
        name: "cachyos",
        os_release: CACHYOS,
        release: "7.2.3-2-cachyos",
        lacks: without_rust,
    },
    System {
        name: "cachyos-bore",
        os_release: CACHYOS,
        release: "7.2.3-2-cachyos-bore",
        lacks: |machine| {
            without_headers(machine);
            machine.file("pkgbase", "linux-cachyos-bore\n");
            machine.no_tool("rustc");
            machine.no_tool("bindgen");
        },
    },
    System {
        name: "manjaro",
        os_release: "PRETTY_NAME=\"Manjaro Linux\"\nID=manjaro\nID_LIKE=arch",
        release: "6.18.40-1-MANJARO",
        lacks: |machine| machine.file("pkgbase", "linux618\n"),
    },
    System {
        name: "mint",
        os_release: "PRETTY_NAME=\"Linux Mint 22.1\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"22.1\"\nUBUNTU_CODENAME=noble",
        release: "6.8.0-90-generic",
        lacks: without_rust,
    },
    System {
        name: "ubuntu-without-anything",
        os_release: UBUNTU_24_04,
        release: "7.0.0-14-generic",
        lacks: |machine| {
            without_headers(machine);
            for tool in ["rustc", "bindgen", "make", "ld"] {
                machine.no_tool(tool);
            }
        },
    },
    System {
        name: "tumbleweed",
        os_release: "PRETTY_NAME=\"openSUSE Tumbleweed\"\nID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"",
        release: "7.2.2-1-default",
        lacks: without_rust,
    },
    System {
        name: "nixos",
        os_release: "PRETTY_NAME=\"NixOS 26.05 (Yarara)\"\nID=nixos",
        release: "7.2.5",
        lacks: without_metadata,
    },
];

const CACHYOS: &str = "PRETTY_NAME=\"CachyOS\"\nID=cachyos\nID_LIKE=arch";
const DEBIAN_13: &str =
    "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\nVERSION_CODENAME=trixie";
const UBUNTU_24_04: &str =
    "PRETTY_NAME=\"Ubuntu 24.04.4 LTS\"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"";

fn without_metadata(machine: &Machine) {
    machine.remove("rust/libkernel.rmeta");
}

fn without_headers(machine: &Machine) {
    for file in [
        "Makefile",
        "Module.symvers",
        "include/config/auto.conf",
        "rust/libkernel.rmeta",
        "scripts/module.lds",
    ] {
        machine.remove(file);
    }
}

fn without_rust(machine: &Machine) {
    machine.unset("CONFIG_RUST");
    without_metadata(machine);
}

#[test]
fn each_system_is_told_what_it_lacks() {
    for system in SYSTEMS {
        let machine = Machine::complete();
        machine.os_release(system.os_release);
        machine.release(system.release);
        (system.lacks)(&machine);
        let found = machine.preflight();
        assert!(!found.success, "{} lacks nothing", system.name);
        insta::assert_snapshot!(system.name, machine.without_place(&found.text));
    }
}
