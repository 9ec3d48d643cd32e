// SPDX-License-Identifier: GPL-2.0

//! The module of this project: whether it is loaded, and for which kernels it is installed.

use crate::root::Root;

/// The name of the module.
pub const NAME: &str = "rdna1_kfd_guard";

/// The state of debugfs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Debugfs {
    /// It is mounted at this path.
    Mounted(String),
    /// It is not mounted.
    NotMounted,
    /// The kernel was booted or built without it; the reason.
    Off(String),
}

/// The module.
pub struct Module {
    /// Whether it is loaded.
    pub loaded: bool,
    /// The kernels for which it is installed, each with its file.
    pub installed: Vec<(String, String)>,
    /// Its versions in DKMS.
    pub in_dkms: Vec<String>,
    /// The state of debugfs.
    pub debugfs: Debugfs,
}

impl Module {
    /// Reads its facts.
    pub fn read(root: &Root) -> Self {
        let folder = format!("/sys/module/{NAME}");
        Self {
            loaded: root.has(&folder),
            installed: installed(root),
            in_dkms: root
                .names(format!("/var/lib/dkms/{NAME}"))
                .into_iter()
                .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
                .collect(),
            debugfs: debugfs(root),
        }
    }

    /// The folder of its files.
    pub fn folder(&self) -> Option<String> {
        match &self.debugfs {
            Debugfs::Mounted(place) => Some(format!("{place}/rdna1")),
            Debugfs::NotMounted | Debugfs::Off(_) => None,
        }
    }

    /// Whether it is installed for the kernel of that release.
    pub fn is_installed_for(&self, release: &str) -> bool {
        self.installed.iter().any(|(other, _)| other == release)
    }
}

/// Searches depmod's list of each kernel for the module.
fn installed(root: &Root) -> Vec<(String, String)> {
    let file = format!("{NAME}.ko");
    let kernels = root.names("/lib/modules").into_iter();
    let found = kernels.filter_map(|release| {
        let list = root.text(format!("/lib/modules/{release}/modules.dep"))?;
        let path = list
            .lines()
            .filter_map(|line| line.split(':').next())
            .find(|path| is_module(path, &file))?
            .to_owned();
        Some((release, path))
    });
    found.collect()
}

/// Whether `path` is that file, compressed or not.
pub fn is_module(path: &str, file: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_prefix(file)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn debugfs(root: &Root) -> Debugfs {
    let mounts = root.text("/proc/self/mounts").unwrap_or_default();
    let place = mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_, place, kind) = (words.next()?, words.next()?, words.next()?);
        (kind == "debugfs").then(|| place.to_owned())
    });
    if let Some(place) = place {
        return Debugfs::Mounted(place);
    }
    let command_line = root.text("/proc/cmdline").unwrap_or_default();
    let word = command_line.split_whitespace().rev();
    match word.into_iter().find(|word| word.starts_with("debugfs=")) {
        Some("debugfs=off") => Debugfs::Off("debugfs=off on the kernel's command line".into()),
        _ if !knows(root, "debugfs") => {
            Debugfs::Off("this kernel has no debugfs: it is not in /proc/filesystems".into())
        }
        _ => Debugfs::NotMounted,
    }
}

/// Whether the kernel has that file system; true if the kernel does not list its file systems.
fn knows(root: &Root, file_system: &str) -> bool {
    root.text("/proc/filesystems").is_none_or(|list| {
        list.lines()
            .any(|line| line.split_whitespace().last() == Some(file_system))
    })
}
