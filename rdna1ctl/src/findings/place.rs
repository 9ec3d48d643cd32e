// SPDX-License-Identifier: GPL-2.0

//! The environment of rdna1ctl, and how to pass the card's devices into it.

use crate::sources::place::{Container, Place};
use crate::sources::Facts;

use super::Finding;

pub(super) fn finding(facts: &Facts) -> Finding {
    let place = &facts.place;
    let says = says(place);
    let found = match (place.container, place.wsl) {
        // The other findings say what to do there.
        (Some(_), _) => Finding::note("place", says).advise(
            "doctor sees only what this place shows: run it outside, too, for KFD, the kernel's log, \
             the firmware and other programs",
        ),
        (None, true) => Finding::note("place", says),
        (None, false) => Finding::good("place", says),
    };
    let evidence = place.evidence.iter();
    evidence.fold(found, |found, (from, what)| found.seen(from, what))
}

/// The environment in one sentence.
pub fn says(place: &Place) -> String {
    let mut parts = Vec::new();
    if let Some(container) = place.container {
        parts.push(format!("rdna1ctl runs in {}", name(container)));
    }
    if place.wsl {
        parts.push("this is WSL, the Windows Subsystem for Linux".to_owned());
    }
    if let Some(hypervisor) = &place.virtual_machine {
        parts.push(format!("this is a virtual machine ({hypervisor})"));
    }
    if parts.is_empty() {
        parts.push("no sign of a container, of WSL or of a virtual machine".to_owned());
    }
    if place.ssh {
        parts.push("the session came over ssh, and has no seat".to_owned());
    }
    parts.join("; ")
}

/// A kind of container in words.
pub fn name(container: Container) -> &'static str {
    match container {
        Container::Docker => "a Docker container",
        Container::Podman => "a Podman container",
        Container::Kubernetes => "a pod of Kubernetes",
        Container::Lxc => "an LXC container",
        Container::Nspawn => "a systemd-nspawn container",
        Container::Apptainer => "an Apptainer (Singularity) container",
        Container::Flatpak => "a Flatpak sandbox",
        Container::Snap => "a snap",
        Container::Other => "a container or a sandbox",
    }
}

/// How to pass the devices into a container of that kind. `gid` is the number of their group, if it
/// is known. The names of groups differ inside.
pub(super) fn pass_in(container: Container, gid: Option<u32>) -> Vec<String> {
    let number = gid.map(|gid| gid.to_string());
    let group = number
        .as_deref()
        .unwrap_or("$(getent group render | cut -d: -f3)");
    match container {
        Container::Docker => vec![format!(
            "start the container with --device /dev/kfd --device /dev/dri --group-add {group} (on the \
             host; the group by its number, as its name may be another inside)"
        )],
        Container::Podman => vec![
            "start the container with --device /dev/kfd --device /dev/dri --group-add keep-groups; the \
             user outside must be in the group render"
                .to_owned(),
        ],
        Container::Kubernetes => vec![
            "request amd.com/gpu from AMD's device plugin, or mount /dev/kfd and /dev/dri into a \
             privileged pod"
                .to_owned(),
            format!("securityContext: supplementalGroups: [{group}]"),
        ],
        Container::Lxc => vec![
            "Proxmox: dev0: /dev/kfd,gid=GID and dev1: /dev/dri/renderD128,gid=GID in the container's \
             configuration, with the number of the group render inside"
                .to_owned(),
            "Incus, LXD: incus config device add NAME kfd unix-char source=/dev/kfd gid=GID, and incus \
             config device add NAME gpu gpu gid=GID"
                .to_owned(),
            "LXC: lxc.mount.entry = /dev/kfd dev/kfd none bind,optional,create=file (and /dev/dri), \
             lxc.cgroup2.devices.allow for both; where ids are mapped, lxc.idmap must map the host's \
             group render to one inside"
                .to_owned(),
        ],
        Container::Nspawn => vec![
            "systemd-nspawn --bind=/dev/kfd --bind=/dev/dri, and DeviceAllow=/dev/kfd rw and \
             DeviceAllow=char-drm rw in the unit of the container"
                .to_owned(),
        ],
        Container::Apptainer => vec![
            "apptainer exec --rocm passes the devices and ROCm's libraries in; or --bind /dev/kfd \
             --bind /dev/dri"
                .to_owned(),
            "the user's groups outside count: the user must be in the group render there".to_owned(),
        ],
        Container::Flatpak => vec![
            "flatpak override --user --device=all APPLICATION (--device=dri may leave out /dev/kfd)"
                .to_owned(),
        ],
        Container::Snap => vec![
            "snap connections NAME shows whether the snap may use the GPU (opengl, gpu-2404); a snap \
             cannot open /dev/kfd where its interface does not name it: then run the program outside"
                .to_owned(),
        ],
        Container::Other => {
            vec!["start the container with /dev/kfd and /dev/dri passed in".to_owned()]
        }
    }
}

/// Advice about a card in a virtual machine.
pub(super) const IN_A_GUEST: &str =
    "this is a virtual machine: slot, BAR and PCIe path are the host's; look there, and at how the card \
     is passed through (vfio-pci)";

/// The finding under WSL, which has neither a KFD nor a PCI card.
pub(super) fn under_wsl(facts: &Facts) -> Finding {
    let says = "WSL shows no PCI card to Linux: there is no amdgpu and no KFD under WSL, so nothing here can be judged";
    let evidence = facts.place.evidence.iter();
    let found = Finding::trouble("no-card", says);
    let found = evidence.fold(found, |found, (from, what)| found.seen(from, what));
    found
        .advise("boot Linux itself, from a disk or a live system: rdna1ctl and ROCm's KFD need the kernel's amdgpu")
        .advise(
            "AMD's ROCm for WSL goes through /dev/dxg and Windows' driver instead of KFD; see AMD's list \
             of GPUs for it before you try",
        )
}
