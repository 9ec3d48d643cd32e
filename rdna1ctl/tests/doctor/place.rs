// SPDX-License-Identifier: GPL-2.0

//! WSL, virtual machines and real machines: rdna1ctl names each, and its advice fits.

use crate::containers::{put, Marks};
use crate::machine::{Machine, RELEASE};
use crate::{contains, expect, finding, lacks, CARD, NO_PACKAGE};

#[test]
fn wsl() {
    let marks: [(Marks, &str); 5] = [
        (
            &[
                (
                    "/proc/sys/kernel/osrelease",
                    "6.6.87.2-microsoft-standard-WSL2\n",
                ),
                ("/dev/dxg", ""),
            ],
            "WSL2",
        ),
        (
            &[("/proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n")],
            "Microsoft",
        ),
        (
            &[("/proc/sys/kernel/osrelease", "6.12.9-mine-WSL2+\n")],
            "WSL2+",
        ),
        (&[("/dev/dxg", "")], "/dev/dxg"),
        (
            &[
                ("/proc/sys/fs/binfmt_misc/WSLInterop", "enabled\n"),
                ("/.dockerenv", ""),
            ],
            "WSLInterop",
        ),
    ];
    for (marks, word) in marks {
        let machine = Machine::bare();
        put(&machine, marks);
        let said = expect(&machine, &[("no-card", "trouble"), ("place", "note")]);
        contains(
            &said,
            &["no KFD under WSL", "/dev/dxg", "boot Linux itself", word],
        );
        lacks(
            &said,
            &[
                "power plugs",
                "modprobe",
                "depmod",
                "linux-headers",
                "CONFIG_RUST",
            ],
        );
        let page = machine.says(&["status"], 0);
        contains(&page, &["this is WSL"]);
        let env = machine.run(&["env"]);
        contains(&String::from_utf8_lossy(&env.stderr), &["this is WSL"]);
        assert_eq!(env.status.code(), Some(1));
        let run = machine.run(&["run", "--", "true"]);
        contains(
            &String::from_utf8_lossy(&run.stderr),
            &["this is WSL", "nothing was run"],
        );
        assert_eq!(machine.json("status", 0)["place"]["wsl"], true);
    }
}

#[test]
fn virtual_machines() {
    for (marks, name) in [
        (&[("/sys/class/dmi/id/sys_vendor", "QEMU\n")][..], "QEMU"),
        (&[("/sys/class/dmi/id/product_name", "KVM\n")], "KVM"),
        (
            &[(
                "/sys/class/dmi/id/product_name",
                "VMware Virtual Platform\n",
            )],
            "VMware",
        ),
        (
            &[("/sys/class/dmi/id/product_name", "Virtual Machine\n")],
            "Hyper-V",
        ),
        (
            &[("/proc/cpuinfo", "flags\t\t: fpu vme hypervisor lahf_lm\n")],
            "an unknown hypervisor",
        ),
    ] {
        let machine = Machine::healthy();
        put(&machine, marks);
        // A working passed-through card causes neither a problem nor a note.
        expect(&machine, &[NO_PACKAGE]);
        assert_eq!(machine.json("status", 0)["place"]["virtual_machine"], name);
        machine.put(&format!("{CARD}/current_link_width"), "4\n");
        machine.write_files();
        contains(
            &finding(&machine, "link-narrow", "note"),
            &["this is a virtual machine", "vfio-pci"],
        );
        // A missing card may not have been passed through.
        let machine = Machine::bare();
        put(&machine, marks);
        let said = finding(&machine, "no-card", "trouble");
        contains(&said, &["pass the card through"]);
        lacks(&said, &["power plugs"]);
    }
    // A real machine: firmware tables may contain such words.
    let machine = Machine::healthy();
    machine.put("/proc/cpuinfo", "flags\t\t: fpu vme lahf_lm\n");
    machine.put("/sys/class/dmi/id/bios_vendor", "QEMU\n");
    assert!(machine.json("status", 0)["place"]["virtual_machine"].is_null());
}

/// A real machine shows no sign of a container or a virtual machine.
#[test]
fn a_machine_itself() {
    let machine = Machine::healthy();
    machine.link("/proc/self/ns/pid", "pid:[4026531836]");
    machine.link("/proc/self/ns/user", "user:[4026531837]");
    machine.put("/proc/self/attr/current", "unconfined\n");
    // The terminal of an editor that is a snap.
    machine.put("/proc/self/environ", "SNAP=/snap/code/1\0SNAP_NAME=code\0");
    machine.put("/proc/1/cgroup", "0::/init.scope\n");
    // A host of containers runs this service, too.
    machine.put(
        "/proc/self/mounts",
        "debugfs /sys/kernel/debug debugfs rw 0 0\nlxcfs /var/lib/lxcfs fuse.lxcfs rw,nosuid,nodev 0 0\n",
    );
    machine.put("/proc/sys/kernel/osrelease", RELEASE);
    expect(&machine, &[NO_PACKAGE]);
    assert!(machine.json("status", 0)["place"]["container"].is_null());
    lacks(&machine.says(&["status"], 0), &["Seen from inside"]);
    machine.remove("/proc/self/ns/pid");
    machine.link("/proc/self/ns/pid", "pid:[4026532999]");
    contains(
        &finding(&machine, "place", "note"),
        &["a container or a sandbox"],
    );
}
