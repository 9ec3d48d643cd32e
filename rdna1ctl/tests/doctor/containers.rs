// SPDX-License-Identifier: GPL-2.0

//! Containers and sandboxes: rdna1ctl names each, and its advice fits.

use crate::machine::{Machine, RELEASE};
use crate::{contains, expect, finding, lacks, CARD, NODE, NO_PACKAGE};

/// Files that identify a place.
pub(crate) type Marks = &'static [(&'static str, &'static str)];

/// Containers: their marks, their name, and a word from the advice on passing devices in.
pub(crate) const CONTAINERS: [(Marks, &str, &str); 17] = [
    (&[("/.dockerenv", "")], "a Docker container", "--group-add"),
    (
        &[("/proc/1/cgroup", "12:devices:/docker/0123abcd\n")],
        "a Docker container",
        "--device /dev/kfd",
    ),
    (
        &[("/run/systemd/container", "docker\n")],
        "a Docker container",
        "--device /dev/kfd",
    ),
    (
        &[("/run/.containerenv", "engine=\"podman-5.4\"\n")],
        "a Podman container",
        "keep-groups",
    ),
    (
        &[("/proc/1/environ", "PATH=/bin\0container=podman\0")],
        "a Podman container",
        "keep-groups",
    ),
    (
        &[
            ("/.dockerenv", ""),
            ("/proc/self/environ", "KUBERNETES_SERVICE_HOST=10.0.0.1\0"),
        ],
        "a pod of Kubernetes",
        "amd.com/gpu",
    ),
    (
        &[("/run/secrets/kubernetes.io/serviceaccount/token", "x")],
        "a pod of Kubernetes",
        "amd.com/gpu",
    ),
    (
        &[("/run/systemd/container", "lxc")],
        "an LXC container",
        "lxc.cgroup2.devices.allow",
    ),
    (
        &[("/proc/1/environ", "container=lxc\0")],
        "an LXC container",
        "Proxmox: dev0",
    ),
    (
        &[(
            "/proc/self/mounts",
            "proc /proc proc rw 0 0\nlxcfs /proc/cpuinfo fuse.lxcfs rw,nosuid,nodev 0 0\n",
        )],
        "an LXC container",
        "lxc.idmap",
    ),
    (
        &[("/run/systemd/container", "systemd-nspawn\n")],
        "a systemd-nspawn container",
        "--bind=/dev/kfd",
    ),
    (
        &[("/.singularity.d/env/90.sh", "")],
        "an Apptainer (Singularity) container",
        "--rocm",
    ),
    (
        &[
            ("/.dockerenv", ""),
            (
                "/proc/self/environ",
                "APPTAINER_CONTAINER=/home/me/rocm.sif\0",
            ),
        ],
        "an Apptainer (Singularity) container",
        "--rocm",
    ),
    (
        &[("/.flatpak-info", "[Application]\nname=org.me.App\n")],
        "a Flatpak sandbox",
        "--device=all",
    ),
    (
        &[("/proc/self/attr/current", "snap.ollama.ollama (enforce)\n")],
        "a snap",
        "snap connections",
    ),
    (
        &[("/proc/self/environ", "SNAP=/snap/ollama/12\0")],
        "a snap",
        "snap connections",
    ),
    (
        &[("/run/systemd/container", "something-new\n")],
        "a container or a sandbox",
        "/dev/dri passed in",
    ),
];

pub(crate) fn put(machine: &Machine, marks: Marks) {
    for (path, text) in marks {
        machine.put(path, text);
    }
}

/// sysfs is complete, but the devices are missing: reported for Apptainer and Docker.
#[test]
fn devices_that_were_not_passed_in() {
    for (marks, name, option) in CONTAINERS {
        let machine = Machine::healthy();
        put(&machine, marks);
        // A container lacks debugfs, too.
        if name != "an LXC container" {
            expect(&machine, &[("place", "note"), NO_PACKAGE]);
        }
        machine.remove("/dev/kfd");
        machine.remove("/dev/dri");
        let said = finding(&machine, "devices-missing", "trouble");
        contains(
            &said,
            &["/dev/kfd", "/dev/dri/renderD128", "not passed into", option],
        );
        contains(&finding(&machine, "place", "note"), &[name]);
        contains(&machine.says(&["status"], 0), &[name]);
        contains(&machine.says(&["env"], 0), &["there is no /dev/kfd here"]);
        let run = machine.run(&["run", "--", "true"]);
        contains(
            &String::from_utf8_lossy(&run.stderr),
            &["there is no /dev/kfd here"],
        );
        let kind = machine.json("status", 0)["place"]["container"].clone();
        assert!(kind.is_string(), "{name}: {kind}");
    }
}

#[test]
fn one_device_that_was_not_passed_in() {
    for (gone, stays) in [
        ("/dev/kfd", "/dev/dri/renderD128"),
        ("/dev/dri/renderD128", "/dev/kfd"),
    ] {
        let machine = Machine::healthy();
        machine.put("/.dockerenv", "");
        machine.remove(gone);
        let said = finding(&machine, "devices-missing", "trouble");
        contains(&said, &[gone]);
        lacks(&said, &[&format!("\"from\":\"{stays}\"")]);
    }
    // Docker creates a folder if its host lacks the device.
    let machine = Machine::healthy();
    machine.remove("/dev/kfd");
    std::fs::create_dir(machine.path("/dev/kfd")).unwrap();
    machine.put("/.dockerenv", "");
    contains(
        &finding(&machine, "devices-missing", "trouble"),
        &["is a folder"],
    );
    // Outside of containers udev creates the devices.
    let machine = Machine::healthy();
    machine.remove("/dev/kfd");
    let said = finding(&machine, "devices-missing", "trouble");
    contains(&said, &["udevadm trigger"]);
    lacks(&said, &["container:"]);
}

/// A container cannot get devices that the kernel does not have.
#[test]
fn no_device_of_a_card_without_driver_is_missing() {
    let machine = Machine::bare();
    machine.put("/.dockerenv", "");
    assert!(machine
        .findings()
        .iter()
        .all(|(id, ..)| id != "devices-missing"));
    // Nor a device without a number: the kernel creates no file for it.
    let machine = Machine::healthy();
    machine.remove("/dev/dri/renderD128");
    expect(&machine, &[("devices-missing", "trouble"), NO_PACKAGE]);
    machine.remove(&format!("{CARD}/drm/renderD128/dev"));
    expect(&machine, &[NO_PACKAGE]);
}

/// A container can hide KFD's topology. That does not mean that the kernel lacks KFD.
#[test]
fn a_hidden_topology() {
    for (marks, _, _) in CONTAINERS {
        let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
        put(&machine, marks);
        machine.remove("/sys/class/kfd");
        machine.remove("/boot");
        machine.remove(&format!("/lib/modules/{RELEASE}"));
        let wanted = [
            ("place", "note"),
            ("module-unknown", "unseen"),
            ("kfd-hidden", "unseen"),
            ("bar-unknown", "unseen"),
            NO_PACKAGE,
        ];
        let said = expect(&machine, &wanted);
        contains(&said, &["does not show /sys/class/kfd", "outside"]);
        lacks(
            &said,
            &[
                "CONFIG_HSA_AMD",
                "update-initramfs",
                "depmod",
                "linux-headers",
            ],
        );
        let page = machine.says(&["status"], 0);
        lacks(&page, &["does not list"]);
        contains(&page, &["hidden"]);
        let env = machine.says(&["env"], 0);
        lacks(&env, &["no ROCm program can use it"]);
        contains(&env, &["this container does not"]);
    }
    // No sign of a container, but /dev/kfd exists.
    let machine = Machine::healthy();
    machine.remove("/sys/class/kfd");
    machine.write_files();
    contains(
        &finding(&machine, "kfd-hidden", "unseen"),
        &["there is a /dev/kfd"],
    );
    machine.remove("/dev/kfd");
    contains(
        &finding(&machine, "kfd-absent", "trouble"),
        &["there is no KFD"],
    );
}

/// rdna1ctl does not report the host's firmware, debugfs and headers as missing in a container.
#[test]
fn files_of_the_host_are_not_missed() {
    let machine = Machine::healthy();
    machine.put("/.dockerenv", "");
    machine.remove(&format!("{CARD}/fw_version"));
    machine.put("/proc/self/mounts", "proc /proc proc rw 0 0\n");
    machine.remove(NODE);
    let said: String = ["debugfs-not-mounted", "firmware-unknown"]
        .map(|id| finding(&machine, id, "unseen"))
        .concat();
    lacks(&said, &["mount -t debugfs", "install the firmware"]);
    let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
    machine.put("/.dockerenv", "");
    machine.remove(&format!("/lib/modules/{RELEASE}"));
    machine.remove("/boot");
    lacks(
        &expect(
            &machine,
            &[("place", "note"), ("module-unknown", "unseen"), NO_PACKAGE],
        ),
        &["headers"],
    );
}
