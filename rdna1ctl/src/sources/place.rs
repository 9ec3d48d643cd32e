// SPDX-License-Identifier: GPL-2.0

//! The environment of rdna1ctl: a container, a sandbox, WSL, a virtual machine, an ssh session.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::root::Root;

/// A kind of container. Each kind needs other options to pass a device in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// Docker, or containerd with Docker's options.
    Docker,
    /// Podman, also that of toolbox and distrobox.
    Podman,
    /// A pod of Kubernetes.
    Kubernetes,
    /// LXC, Incus, LXD, Proxmox.
    Lxc,
    /// systemd-nspawn.
    Nspawn,
    /// Apptainer and Singularity.
    Apptainer,
    /// Flatpak.
    Flatpak,
    /// Snap.
    Snap,
    /// Another one.
    Other,
}

/// The environment of rdna1ctl.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The kind of container; null if nothing indicates one.
    pub container: Option<Container>,
    /// Whether this is the Windows Subsystem for Linux.
    pub wsl: bool,
    /// The hypervisor, if this is a virtual machine.
    pub virtual_machine: Option<String>,
    /// Whether the session came over ssh. Such a session has no seat.
    pub ssh: bool,
    /// The files that reveal the environment, and their contents.
    #[serde(skip)]
    pub evidence: Vec<(String, String)>,
}

/// The variables that reveal the environment.
const VARIABLES: [&str; 9] = [
    "APPTAINER_CONTAINER",
    "FLATPAK_ID",
    "KUBERNETES_SERVICE_HOST",
    "SINGULARITY_CONTAINER",
    "SNAP",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "container",
];

impl Place {
    /// Looks at the files and variables that each environment leaves. `caller` is the file with the
    /// environment of the shell that called sudo, which removes most variables.
    pub fn read(root: &Root, caller: Option<&str>) -> Self {
        let mut own = named(root, "/proc/self/environ", &VARIABLES);
        for (name, value) in caller
            .map(|file| named(root, file, &VARIABLES))
            .unwrap_or_default()
        {
            own.entry(name).or_insert(value);
        }
        let mut place = Self::default();
        let mut note = |from: &str, what: String| place.evidence.push((from.to_owned(), what));
        let container = container(root, &own, &mut note);
        let wsl = wsl(root, &mut note);
        let hypervisor = if wsl {
            None
        } else {
            hypervisor(root, &mut note)
        };
        place.container = container;
        place.wsl = wsl;
        place.virtual_machine = hypervisor;
        place.ssh = own.keys().any(|name| name.starts_with("SSH_"));
        place
    }
}

/// The variables with these names in an environment file.
pub fn named(root: &Root, file: &str, names: &[&'static str]) -> BTreeMap<&'static str, String> {
    let bytes = root.bytes(file).unwrap_or_default();
    let words = bytes.split(|&byte| byte == 0).filter_map(|word| {
        let word = String::from_utf8_lossy(word);
        let (name, value) = word.split_once('=')?;
        let name = names.iter().find(|one| **one == name)?;
        Some((*name, value.to_owned()))
    });
    words.collect()
}

type Note<'a> = &'a mut dyn FnMut(&str, String);

const THERE: &str = "is there";

fn container(root: &Root, own: &BTreeMap<&str, String>, note: Note<'_>) -> Option<Container> {
    let variable = |name: &str| own.get(name).filter(|value| !value.is_empty());
    // The first match is the innermost environment.
    let files = [
        ("/.flatpak-info", Container::Flatpak),
        ("/.singularity.d", Container::Apptainer),
        ("/run/.containerenv", Container::Podman),
        ("/run/secrets/kubernetes.io", Container::Kubernetes),
        ("/var/run/secrets/kubernetes.io", Container::Kubernetes),
        ("/.dockerenv", Container::Docker),
    ];
    let variables = [
        ("FLATPAK_ID", Container::Flatpak),
        ("APPTAINER_CONTAINER", Container::Apptainer),
        ("SINGULARITY_CONTAINER", Container::Apptainer),
        ("KUBERNETES_SERVICE_HOST", Container::Kubernetes),
    ];
    if let Some(label) = snap(root, variable("SNAP")) {
        note("snap", label);
        return Some(Container::Snap);
    }
    for (name, kind) in variables {
        if let Some(value) = variable(name) {
            note("/proc/self/environ", format!("{name}={value}"));
            return Some(kind);
        }
    }
    for (path, kind) in files {
        if root.has(path) {
            note(path, THERE.to_owned());
            return Some(kind);
        }
    }
    let first = named(root, "/proc/1/environ", &["container"]);
    let texts = [
        (
            "/run/systemd/container",
            root.text("/run/systemd/container"),
        ),
        (
            "/run/host/container-manager",
            root.text("/run/host/container-manager"),
        ),
        ("/proc/1/environ", first.get("container").cloned()),
        ("/proc/self/environ", variable("container").cloned()),
    ];
    for (path, text) in texts {
        let text = text.filter(|text| !text.is_empty() && text != "wsl");
        if let Some(text) = text {
            let kind = by_name(&text);
            note(path, text);
            return Some(kind);
        }
    }
    by_files_of_proc(root, note)
}

/// A snap, by AppArmor's label or else by the variable. The label wins: a snap may have started a
/// shell outside of itself, which inherits the variable.
fn snap(root: &Root, variable: Option<&String>) -> Option<String> {
    let label = root
        .text("/proc/self/attr/current")
        .filter(|text| !text.is_empty());
    match label {
        Some(label) => label.starts_with("snap.").then_some(label),
        None => variable.map(|value| format!("SNAP={value}")),
    }
}

/// The kind of container that systemd and container managers give this name (`container=`).
fn by_name(name: &str) -> Container {
    let kinds = [
        ("docker", Container::Docker),
        ("podman", Container::Podman),
        ("lxc", Container::Lxc),
        ("systemd-nspawn", Container::Nspawn),
        ("flatpak", Container::Flatpak),
    ];
    let kind = kinds.iter().find(|(start, _)| name.starts_with(start));
    kind.map_or(Container::Other, |(_, kind)| *kind)
}

/// The numbers of the initial namespaces (`include/linux/proc_ns.h`).
const FIRST: [(&str, &str); 2] = [
    ("/proc/self/ns/pid", "pid:[4026531836]"),
    ("/proc/self/ns/user", "user:[4026531837]"),
];

/// Whether process ids are those of the initial pid namespace; false if unknown.
pub fn is_initial_pid_namespace(root: &Root) -> bool {
    let [(path, first), _] = FIRST;
    std::fs::read_link(root.path(path)).is_ok_and(|link| link.as_os_str() == first)
}

fn by_files_of_proc(root: &Root, note: Note<'_>) -> Option<Container> {
    let mounts = root.text("/proc/self/mounts").unwrap_or_default();
    // The host mounts lxcfs, too, at /var/lib/lxcfs. In a container it covers single files.
    let is_inside = |line: &&str| {
        let point = line.split(' ').nth(1).unwrap_or_default();
        let covers = ["/proc/", "/sys/"]
            .iter()
            .any(|folder| point.starts_with(folder));
        line.contains(" fuse.lxcfs ") && covers
    };
    if let Some(line) = mounts.lines().find(is_inside) {
        note("/proc/self/mounts", line.to_owned());
        return Some(Container::Lxc);
    }
    let groups = root.text("/proc/1/cgroup").unwrap_or_default();
    let kinds = [
        ("kubepods", Container::Kubernetes),
        ("/docker", Container::Docker),
        ("libpod", Container::Podman),
        ("/lxc", Container::Lxc),
    ];
    for (word, kind) in kinds {
        if groups.contains(word) {
            note("/proc/1/cgroup", word.to_owned());
            return Some(kind);
        }
    }
    for (path, first) in FIRST {
        let link = std::fs::read_link(root.path(path)).ok();
        let link = link.map(|link| link.to_string_lossy().into_owned());
        if let Some(link) = link.filter(|link| link != first) {
            note(path, format!("{link}, not that of the first process"));
            return Some(Container::Other);
        }
    }
    None
}

fn wsl(root: &Root, note: Note<'_>) -> bool {
    let release = root.text("/proc/sys/kernel/osrelease").unwrap_or_default();
    let lower = release.to_lowercase();
    if lower.contains("microsoft") || lower.contains("wsl") {
        note("/proc/sys/kernel/osrelease", release);
        return true;
    }
    let files = [
        "/proc/sys/fs/binfmt_misc/WSLInterop",
        "/run/WSL",
        "/dev/dxg",
    ];
    let file = files.into_iter().find(|file| root.has(file));
    file.inspect(|file| note(file, THERE.to_owned())).is_some()
}

/// Names in the firmware's tables, as systemd-detect-virt reads them.
const HYPERVISORS: [(&str, &str); 14] = [
    ("KVM", "KVM"),
    ("OpenStack", "KVM"),
    ("KubeVirt", "KVM"),
    ("QEMU", "QEMU"),
    ("VMware", "VMware"),
    ("innotek GmbH", "VirtualBox"),
    ("VirtualBox", "VirtualBox"),
    ("Xen", "Xen"),
    ("Bochs", "Bochs"),
    ("Parallels", "Parallels"),
    ("BHYVE", "bhyve"),
    ("Virtual Machine", "Hyper-V"),
    ("Google Compute Engine", "KVM"),
    ("Amazon EC2", "Amazon's"),
];

fn hypervisor(root: &Root, note: Note<'_>) -> Option<String> {
    // The processor tells a guest so. Without this file, only the firmware's tables count.
    let processor = root.start("/proc/cpuinfo", 8 << 10);
    let flags = processor.as_deref().and_then(|text| {
        let mut lines = text.lines();
        lines.find(|line| line.starts_with("flags"))
    });
    let is_guest = flags.map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"));
    if is_guest == Some(false) {
        return None;
    }
    // Xen's first domain has the real hardware.
    let capabilities = root.text("/proc/xen/capabilities").unwrap_or_default();
    if capabilities.contains("control_d") {
        return None;
    }
    for name in ["product_name", "sys_vendor", "board_vendor", "bios_vendor"] {
        let path = format!("/sys/class/dmi/id/{name}");
        let text = root.text(&path).unwrap_or_default();
        let found = HYPERVISORS.iter().find(|(word, _)| text.contains(word));
        if let Some((_, hypervisor)) = found {
            note(&path, text);
            return Some((*hypervisor).to_owned());
        }
    }
    if is_guest == Some(true) {
        note("/proc/cpuinfo", "the flag hypervisor".to_owned());
        return Some("an unknown hypervisor".to_owned());
    }
    None
}
