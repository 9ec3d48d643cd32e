// SPDX-License-Identifier: GPL-2.0

//! Users' access to the card's devices, and the advice for users without access.
//!
//! Only root can give a file to another user, or ask as another user. Without root, the tests check
//! that rdna1ctl reports unknown access.

use std::os::unix::fs::{chown, PermissionsExt as _};

use nix::unistd::geteuid;

use crate::containers::CONTAINERS;
use crate::machine::{Machine, RELEASE};
use crate::{contains, expect, finding, lacks, NO_PACKAGE};

const RENDER: u32 = 105;
const DEVICES: [&str; 2] = ["/dev/kfd", "/dev/dri/renderD128"];

/// A machine where alice called sudo, with her registered groups and those of her shell.
fn of_alice(registered: &str, shell: Option<&str>) -> Machine {
    let machine = Machine::healthy();
    machine.put(
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n",
    );
    machine.put(
        "/etc/group",
        format!("root:x:0:\n{registered}alice:x:1000:\n"),
    );
    machine.put(
        "/proc/self/environ",
        "SUDO_USER=alice\0SUDO_UID=1000\0SUDO_GID=1000\0",
    );
    // sudo shows up twice: it runs a second process for its terminal.
    machine.put("/proc/self/stat", "99 (rdna1ctl) S 78 99 77 0\n");
    machine.put("/proc/78/stat", "78 (sudo) S 77 99 77 0\n");
    machine.put("/proc/78/comm", "sudo\n");
    machine.put("/proc/77/stat", "77 (sudo) S 76 99 77 0\n");
    machine.put("/proc/77/comm", "sudo\n");
    machine.put("/proc/76/comm", "bash\n");
    if let Some(groups) = shell {
        let ids = "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\n";
        machine.put(
            "/proc/76/status",
            format!("Name:\tbash\n{ids}Groups:\t{groups}\n"),
        );
    }
    for device in DEVICES {
        set(&machine, device, 0, RENDER, 0o660);
    }
    machine
}

fn set(machine: &Machine, device: &str, uid: u32, gid: u32, mode: u32) {
    let path = machine.path(device);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    if geteuid().is_root() {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

/// The doctor's text about alice's access; `None` if the tests do not run as root.
fn of(machine: &Machine) -> Option<String> {
    if geteuid().is_root() {
        return Some(finding(machine, "access-denied", "trouble"));
    }
    let said = finding(machine, "access-unknown", "unseen");
    contains(&said, &["unknown whether alice may"]);
    None
}

#[test]
fn the_user_who_called_sudo_may_not() {
    for shell in [None, Some("4 27 1000")] {
        let machine = of_alice("render:x:105:bob\n", shell);
        let Some(said) = of(&machine) else { continue };
        contains(
            &said,
            &[
                "alice may not open KFD or the card; root may",
                "sudo usermod -a -G render alice",
                "mode 0660",
            ],
        );
    }
}

/// The image's own group file has the group.
#[test]
fn a_group_of_the_image() {
    let machine = of_alice("wheel:x:10:\n", None);
    machine.put("/usr/lib/group", "render:x:105:\n");
    let Some(said) = of(&machine) else { return };
    contains(&said, &["sudo usermod -a -G render alice"]);
    lacks(&said, &["udev rule"]);
}

/// A service's user cannot log in again.
#[test]
fn a_service_may_not() {
    let machine = of_alice("render:x:105:bob\n", None);
    machine.put("/proc/self/cgroup", "0::/system.slice/ollama.service\n");
    let Some(said) = of(&machine) else { return };
    contains(
        &said,
        &[
            "sudo systemctl edit ollama.service",
            "SupplementaryGroups=render",
        ],
    );
    lacks(&said, &["usermod", "log in again"]);
}

#[test]
fn the_user_who_called_sudo_may() {
    if !geteuid().is_root() {
        return;
    }
    // Registered; registered and in the shell's groups; only in the shell's groups, by newgrp.
    for (group, shell) in [
        ("render:x:105:alice\n", None),
        ("render:x:105:bob,alice\n", Some("27 105")),
        ("render:x:105:\n", Some("105")),
    ] {
        expect(&of_alice(group, shell), &[NO_PACKAGE]);
    }
    // Every user has access.
    let machine = of_alice("render:x:105:\n", None);
    for device in DEVICES {
        set(&machine, device, 0, RENDER, 0o666);
    }
    expect(&machine, &[NO_PACKAGE]);
    // root called sudo, so there is no other user to check.
    let machine = of_alice("render:x:105:\n", None);
    machine.put("/proc/self/environ", "SUDO_USER=root\0SUDO_UID=0\0");
    expect(&machine, &[NO_PACKAGE]);
}

#[test]
fn pkexec_and_doas_name_their_caller_too() {
    for variables in ["PKEXEC_UID=1000\0", "DOAS_USER=alice\0"] {
        let machine = of_alice("render:x:105:\n", None);
        machine.put("/proc/self/environ", variables);
        if let Some(said) = of(&machine) {
            contains(&said, &["alice may not"]);
        }
    }
}

#[test]
fn a_session_that_is_older_than_the_group() {
    let machine = of_alice("render:x:105:alice\n", Some("27 1000"));
    if let Some(said) = of(&machine) {
        contains(&said, &["is in the group render by now", "log in again"]);
        lacks(&said, &["usermod"]);
    }
}

/// rdna1ctl puts no name into a command that a shell would split.
#[test]
fn a_name_that_is_no_word() {
    let machine = of_alice("render:x:105:\n", None);
    machine.put(
        "/etc/passwd",
        "$(reboot):x:1000:1000::/home/alice:/bin/bash\n",
    );
    let said: String = machine
        .findings()
        .into_iter()
        .map(|(_, _, said)| said)
        .collect();
    lacks(&said, &["render $(reboot)"]);
}

#[test]
fn a_user_whom_nobody_knows() {
    let machine = of_alice("render:x:105:\n", None);
    machine.put("/etc/passwd", "root:x:0:0::/root:/bin/bash\n");
    let said = finding(&machine, "access-unknown", "unseen");
    contains(&said, &["unknown whether 1000 may", "without sudo"]);
}

/// rdna1ctl advises no group that grants more than the card, and not nobody's group.
#[test]
fn groups_that_are_no_remedy() {
    for (gid, mode, groups) in [
        (0, 0o600, ""),
        (0, 0o660, ""),
        (105, 0o600, "render:x:105:\n"),
        (27, 0o660, "sudo:x:27:\n"),
        (992, 0o660, ""),
    ] {
        let machine = of_alice(groups, None);
        for device in DEVICES {
            set(&machine, device, 0, gid, mode);
        }
        let Some(said) = of(&machine) else { continue };
        contains(
            &said,
            &[
                "udev rule",
                "SUBSYSTEM==\\\"kfd\\\", GROUP=\\\"render\\\", MODE=\\\"0660\\\"",
                "udevadm trigger",
            ],
        );
        lacks(&said, &["usermod"]);
    }
}

/// Outside of containers this is nobody's group. So this is a container, even without other marks.
#[test]
fn a_group_without_a_number() {
    for groups in ["nogroup:x:65534:\n", "nobody:x:65534:\n", ""] {
        let machine = of_alice(groups, None);
        for device in DEVICES {
            set(&machine, device, 65534, 65534, 0o660);
        }
        let Some(said) = of(&machine) else { continue };
        contains(&said, &["map the host's group render into it", "lxc.idmap"]);
        lacks(&said, &["usermod", "udev rule"]);
    }
}

/// Only root has access.
#[test]
fn devices_for_root_only() {
    if !geteuid().is_root() {
        return;
    }
    for (gid, mode, groups, word) in [
        (0, 0o600, "", "udev rule"),
        (0, 0o660, "", "udev rule"),
        (105, 0o600, "render:x:105:\n", "udev rule"),
        (65534, 0o660, "nogroup:x:65534:\n", "lxc.idmap"),
        (992, 0o660, "", "--group-add 992"),
    ] {
        let machine = of_alice(groups, None);
        machine.put("/proc/self/environ", "");
        for device in DEVICES {
            set(&machine, device, 0, gid, mode);
        }
        expect(&machine, &[NO_PACKAGE]);
        contains(&machine.says(&["doctor"], 0), &["and no other user may"]);
        let said = machine.says(&["doctor", "--json"], 0);
        contains(&said, &[word]);
        lacks(&said, &["usermod"]);
    }
    let machine = of_alice("render:x:105:\n", None);
    machine.put("/proc/self/environ", "");
    lacks(&machine.says(&["doctor"], 0), &["no other user"]);
}

/// In a container only a group's number counts: the host's group names differ.
#[test]
fn groups_in_containers() {
    for (marks, name, option) in CONTAINERS {
        for (gid, word) in [
            (65534, "no number in this container"),
            (992, "992"),
            (105, "105"),
            (0, "no right to"),
        ] {
            let machine = of_alice("messagebus:x:105:\nnogroup:x:65534:\n", None);
            for (path, text) in marks {
                match *path {
                    "/proc/self/environ" => {
                        machine.put(path, format!("SUDO_USER=alice\0SUDO_UID=1000\0{text}"));
                    }
                    _ => machine.put(path, text),
                }
            }
            for device in DEVICES {
                set(&machine, device, 0, gid, 0o660);
            }
            let Some(said) = of(&machine) else { continue };
            // With evidence of a container, the text has every group's number.
            contains(&said, &[word, option]);
            lacks(&said, &["usermod", "-G "]);
            assert!(!name.is_empty());
        }
    }
}

/// Only the devices of the card count.
#[test]
fn another_cards_device_does_not_matter() {
    let machine = of_alice("render:x:105:alice\n", None);
    machine.put("/dev/dri/renderD129", "");
    set(&machine, "/dev/dri/renderD129", 0, 0, 0o600);
    machine.put("/dev/dri/renderD127", "");
    set(&machine, "/dev/dri/renderD127", 0, 0, 0o600);
    if geteuid().is_root() {
        expect(&machine, &[NO_PACKAGE]);
        set(&machine, "/dev/dri/renderD128", 0, 0, 0o600);
        let said = finding(&machine, "access-denied", "trouble");
        contains(&said, &["renderD128"]);
        lacks(&said, &["renderD129", "renderD127"]);
    }
}

#[test]
fn a_folder_for_devices_that_is_mounted_without_them() {
    let machine = Machine::healthy();
    let mounts = std::fs::read_to_string(machine.path("/proc/self/mounts")).unwrap();
    machine.put(
        "/proc/self/mounts",
        format!("{mounts}tmpfs /dev tmpfs rw,nosuid,nodev 0 0\n"),
    );
    contains(
        &finding(&machine, "access-denied", "trouble"),
        &["/dev is mounted with nodev"],
    );
    // A later mount hides it; other folders do not matter.
    machine.put(
        "/proc/self/mounts",
        format!("{mounts}tmpfs /dev tmpfs rw,nodev 0 0\nudev /dev devtmpfs rw,nosuid 0 0\ntmpfs /dev/shm tmpfs rw,nodev 0 0\n"),
    );
    expect(&machine, &[NO_PACKAGE]);
}

/// A desktop's access list does not apply over ssh.
#[test]
fn a_session_without_a_seat() {
    let machine = of_alice("render:x:105:\n", None);
    machine.put(
        "/proc/self/environ",
        "SUDO_USER=alice\0SUDO_UID=1000\0SSH_CONNECTION=192.0.2.1 5 192.0.2.2 22\0",
    );
    if let Some(said) = of(&machine) {
        contains(&said, &["over ssh there is no seat", "usermod"]);
    }
    // sudo removes the variable, but the shell still has it.
    machine.put("/proc/self/environ", "SUDO_USER=alice\0SUDO_UID=1000\0");
    machine.put("/proc/78/environ", "SSH_TTY=/dev/pts/3\0");
    if let Some(said) = of(&machine) {
        contains(&said, &["over ssh there is no seat"]);
    }
    assert_eq!(machine.json("status", 0)["place"]["ssh"], true);
}

/// This checks the real permissions of the process, not those of the fake root.
#[test]
fn a_user_without_sudo() {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;
    let machine = Machine::healthy();
    machine.put(
        "/proc/self/status",
        "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\n",
    );
    for device in DEVICES {
        set(
            &machine,
            device,
            0,
            RENDER,
            if geteuid().is_root() { 0o660 } else { 0 },
        );
    }
    // Runs the program by its descriptor: that user may lack access to the build folder.
    let asked = machine.command(&["doctor"]);
    let program = File::open(asked.get_program()).unwrap();
    let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
    command.args(asked.get_args()).env("COLUMNS", "80");
    if geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    contains(
        &said,
        &["this user may not open KFD or the card [access-denied]"],
    );
    assert!(
        !said.contains(RELEASE) || said.contains("not seen"),
        "{said}"
    );
}
