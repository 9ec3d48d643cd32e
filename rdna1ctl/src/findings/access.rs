// SPDX-License-Identifier: GPL-2.0

//! Findings: whether the card's devices exist, and which users may open them.

use crate::sources::access::Device;
use crate::sources::pci::Gpu;
use crate::sources::users::User;
use crate::sources::Facts;
use crate::sources::KFD;

use super::permissions::{may_group, remedies};
use super::place::pass_in;
use super::Finding;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found: Vec<_> = missing(facts).into_iter().collect();
    let devices = devices(facts);
    let access = &facts.access;
    if access.kfd.is_none() || devices.is_empty() {
        return found;
    }
    let of_own: Vec<_> = devices.iter().filter(|one| !one.own).copied().collect();
    let own = access.users.own.as_ref();
    if !of_own.is_empty() {
        let whose = "this user";
        found.push(denied(facts, whose, own, &of_own));
        return found;
    }
    let Some(caller) = &access.users.caller else {
        if let Some(finding) = only_root(facts, &devices) {
            found.push(finding);
            return found;
        }
        found.push(
            Finding::good("access", "this user may open KFD and the cards")
                .seen(KFD, "readable and writable"),
        );
        return found;
    };
    if devices.iter().any(|one| one.caller.is_none()) {
        found.push(
            Finding::unseen(
                "access-unknown",
                format!(
                    "root may open KFD and the cards; unknown whether {} may",
                    caller.name
                ),
            )
            .advise("rdna1ctl doctor without sudo tells"),
        );
        return found;
    }
    let refused: Vec<_> = devices
        .iter()
        .filter(|one| one.caller == Some(false))
        .copied()
        .collect();
    found.push(match refused.as_slice() {
        [] => Finding::good(
            "access",
            format!("root and {} may open KFD and the cards", caller.name),
        )
        .seen(KFD, "readable and writable"),
        refused => denied(facts, &caller.name, Some(caller), refused),
    });
    found
}

/// A finding if root may open the devices, but no group of users can.
fn only_root(facts: &Facts, devices: &[&Device]) -> Option<Finding> {
    let is_root = facts
        .access
        .users
        .own
        .as_ref()
        .is_some_and(|own| own.uid == 0);
    let is_closed = |device: &&&Device| {
        let has_group = device.gid != 0 && device.group.is_some() && may_group(device);
        let has_others = device.mode & 0o006 != 0;
        !has_others && (!has_group || device.gid == facts.access.unmapped_gid)
    };
    let closed: Vec<_> = devices.iter().filter(is_closed).copied().collect();
    if !is_root || closed.is_empty() {
        return None;
    }
    // Not a trouble, because maybe no other user is to use the card.
    let says = "root may open KFD and the cards, and no other user may";
    let found = Finding::good("access", says);
    let found = closed.iter().fold(found, |found, device| {
        found.seen(&device.path, owner(device))
    });
    Some(advised(found, remedies(facts, None, &closed)))
}

/// The owner and the permissions of a device, in words.
fn owner(device: &Device) -> String {
    let group = device.group.as_deref().unwrap_or("without a name");
    let (uid, gid, mode) = (device.uid, device.gid, device.mode);
    format!("user {uid}, group {gid} ({group}), mode {mode:04o}")
}

/// `/dev/kfd`, and the render nodes of our cards. If their names are unknown, all render nodes
/// count, and one that may be opened is enough.
fn devices(facts: &Facts) -> Vec<&Device> {
    let names = render_names(facts, |gpu| &gpu.drm);
    let render = facts.access.render.iter();
    let ours: Vec<_> = match names.is_empty() {
        false => render.filter(|one| names.contains(&one.path)).collect(),
        true if facts.access.render.iter().any(|one| one.own) => render
            .filter(|one| one.own && one.caller != Some(false))
            .collect(),
        true => render.collect(),
    };
    let all = facts.access.kfd.iter().chain(ours);
    all.filter(|one| !one.is_folder).collect()
}

/// The render nodes that amdgpu made for our cards.
fn render_names(facts: &Facts, which: impl Fn(&Gpu) -> &Vec<String>) -> Vec<String> {
    let ours = facts.gpus.iter().filter(|gpu| gpu.is_ours());
    let names = ours
        .flat_map(which)
        .filter(|name| name.starts_with("renderD"));
    names.map(|name| format!("/dev/dri/{name}")).collect()
}

/// Devices that the kernel has, but that are missing in `/dev`.
fn missing(facts: &Facts) -> Option<Finding> {
    let access = &facts.access;
    let has_kfd = !facts.card_nodes().is_empty();
    let mut missing = Vec::new();
    let mut folders = Vec::new();
    match &access.kfd {
        Some(kfd) if kfd.is_folder => folders.push(KFD.to_owned()),
        None if has_kfd => missing.push(KFD.to_owned()),
        _ => {}
    }
    for name in render_names(facts, |gpu| &gpu.numbered) {
        match access.render.iter().find(|one| one.path == name) {
            Some(one) if one.is_folder => folders.push(name),
            None => missing.push(name),
            Some(_) => {}
        }
    }
    if missing.is_empty() && folders.is_empty() {
        return None;
    }
    let says = match facts.place.container {
        Some(_) => "the card's devices are not passed into this container: no program in it can use the card",
        None => "the kernel has the card, and its devices are not in /dev: no program can use it",
    };
    let found = Finding::trouble("devices-missing", says);
    let found = missing
        .iter()
        .fold(found, |found, path| found.seen(path, "is not there"));
    let found = folders.iter().fold(found, |found, path| {
        found.seen(
            path,
            "is a folder: Docker makes one where its host has no such device",
        )
    });
    Some(match facts.place.container {
        Some(container) => advised(found, pass_in(container, None)),
        None => found
            .advise(
                "sudo udevadm trigger --subsystem-match=kfd --subsystem-match=drm, then look again",
            )
            .advise("if this is a container or a chroot after all: pass /dev/kfd and /dev/dri in"),
    })
}

fn advised(found: Finding, steps: Vec<String>) -> Finding {
    steps
        .into_iter()
        .fold(found, |found, step| found.advise(step))
}

fn denied(facts: &Facts, whose: &str, user: Option<&User>, refused: &[&Device]) -> Finding {
    let is_root = user.is_some_and(|user| user.uid == 0);
    let says = match (is_root, facts.is_root) {
        (true, _) => "even root may not open KFD or the card".to_owned(),
        (false, true) => format!("{whose} may not open KFD or the card; root may"),
        (false, false) => format!("{whose} may not open KFD or the card"),
    };
    let found = Finding::trouble("access-denied", says);
    let found = refused.iter().fold(found, |found, device| {
        found.seen(&device.path, owner(device))
    });
    let found = match user.and_then(|user| user.groups.as_ref()) {
        Some(groups) if !is_root => {
            let groups: Vec<_> = groups.iter().map(u32::to_string).collect();
            found.seen(whose, format!("in the groups {}", groups.join(", ")))
        }
        _ => found,
    };
    let steps = remedies(facts, user, refused);
    let found = advised(found, steps);
    match facts.place.ssh && facts.place.container.is_none() && !is_root {
        true => found.advise(
            "a desktop's user may open the devices by an access list for the seat; over ssh there is no \
             seat, and only the group counts",
        ),
        false => found,
    }
}
