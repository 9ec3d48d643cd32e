// SPDX-License-Identifier: GPL-2.0

//! The remedies if the permissions of a device keep a user out.

use crate::sources::access::Device;
use crate::sources::place::Container;
use crate::sources::users::User;
use crate::sources::Facts;
use crate::sources::KFD;

use super::place::pass_in;

/// Whether the device's group may read and write it.
pub(super) fn may_group(device: &Device) -> bool {
    device.mode & GROUP == GROUP
}

/// The steps for all of these devices, each once.
pub(super) fn remedies(facts: &Facts, user: Option<&User>, devices: &[&Device]) -> Vec<String> {
    let mut steps = Vec::new();
    for device in devices {
        for step in remedy(facts, user, device) {
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
    }
    steps
}

const GROUP: u32 = 0o060;

/// Groups that give more rights than the card needs, or that belong to nobody.
const NOT_MEANT: [&str; 8] = [
    "adm", "disk", "nobody", "nogroup", "root", "shadow", "sudo", "wheel",
];

fn remedy(facts: &Facts, user: Option<&User>, device: &Device) -> Vec<String> {
    let path = &device.path;
    if let Some(point) = &device.nodev {
        return vec![format!(
            "{point} is mounted with nodev, so no device in it can be opened: mount it without"
        )];
    }
    let may_group = may_group(device);
    let is_root = user.is_some_and(|user| user.uid == 0);
    let groups = user.and_then(|user| user.groups.as_ref());
    let is_in = groups.is_some_and(|groups| groups.contains(&device.gid));
    let is_unmapped = device.gid == facts.access.unmapped_gid;
    let container = facts.place.container;
    if is_root || may_group && is_in && !is_unmapped {
        let why = format!(
            "the permissions of {path} allow it: a device cgroup or a security module (AppArmor, \
             SELinux) refuses it"
        );
        let mut steps = vec![why];
        match container {
            Some(container) => steps.extend(pass_in(container, Some(device.gid))),
            None => steps.push(
                "systemctl status shows the unit: DevicePolicy= and DeviceAllow= limit devices; sudo \
                 dmesg | grep -iE 'apparmor|avc' shows refusals"
                    .to_owned(),
            ),
        }
        return steps;
    }
    match container {
        Some(container) => return in_container(container, device, is_unmapped),
        // An unmapped group proves a container of unknown kind. LXC's steps map groups.
        None if is_unmapped => return in_container(Container::Lxc, device, true),
        None => {}
    }
    let name = device
        .group
        .as_deref()
        .filter(|name| !NOT_MEANT.contains(name));
    match name {
        Some(group) if may_group && device.gid != 0 && !is_unmapped => {
            // A service has no session, and its user may have no line in /etc/passwd.
            if let Some(unit) = &facts.processes.own_service {
                return vec![format!(
                    "sudo systemctl edit {unit}, with SupplementaryGroups={group} below [Service]; then \
                     sudo systemctl restart {unit}"
                )];
            }
            let registered = user.is_some_and(|user| user.registered.contains(&device.gid));
            let who = user
                .map(|user| user.name.as_str())
                .filter(|name| is_plain(name));
            let who = who.unwrap_or("$USER");
            vec![match registered {
                true => format!(
                    "{who} is in the group {group} by now, and this session is older: log in again, or \
                     newgrp {group}"
                ),
                false => format!("sudo usermod -a -G {group} {who}, then log in again"),
            }]
        }
        _ => {
            let (subsystem, rule) = match path == KFD {
                true => ("kfd", "SUBSYSTEM==\"kfd\", GROUP=\"render\", MODE=\"0660\""),
                false => (
                    "drm",
                    "SUBSYSTEM==\"drm\", KERNEL==\"renderD*\", GROUP=\"render\", MODE=\"0660\"",
                ),
            };
            let nameless = device.group.is_none().then(|| {
                format!(
                    "no group here has the number {}: if this is a container, start it with that group, \
                     as docker run --group-add {0} does",
                    device.gid
                )
            });
            let rules = [
                format!(
                    "the udev rule that gives {path} to the group render is missing: write {rule} into \
                     /etc/udev/rules.d/70-rdna1-{subsystem}.rules"
                ),
                format!(
                    "getent group render || sudo groupadd --system render; then sudo udevadm control \
                     --reload && sudo udevadm trigger --subsystem-match={subsystem}; users of the card must be in \
                     the group render"
                ),
            ];
            nameless.into_iter().chain(rules).collect()
        }
    }
}

fn in_container(container: Container, device: &Device, is_unmapped: bool) -> Vec<String> {
    let path = &device.path;
    let mut steps = Vec::new();
    if is_unmapped {
        steps.push(
            "the devices' group on the host has no number in this container: map the host's group render \
             into it; no group inside can help"
                .to_owned(),
        );
        steps.extend(pass_in(container, None));
    } else if device.gid == 0 || !may_group(device) {
        steps.push(format!(
            "the group {} has no right to {path}: give it group render and mode 0660 on the host, and \
             pass it in again",
            device.gid
        ));
        steps.extend(pass_in(container, None));
    } else {
        steps.extend(pass_in(container, Some(device.gid)));
    }
    steps
}

/// Whether a shell reads the name as one word.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}
