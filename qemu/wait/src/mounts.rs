// SPDX-License-Identifier: GPL-2.0

//! The kernel's file systems. In a guest, PID 1 has to mount them.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{mount, MsFlags};

/// The mount point of debugfs.
pub const DEBUGFS: &str = "/sys/kernel/debug";
/// The mount point of the unified cgroup hierarchy.
pub const CGROUP2: &str = "/sys/fs/cgroup";
/// The mount point of securityfs.
pub const SECURITY: &str = "/sys/kernel/security";

/// The waiter needs these, and everything after it.
const FIRST: [(&str, &str); 3] = [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")];
const OTHERS: [(&str, &str); 4] = [
    ("tmpfs", "/tmp"),
    ("debugfs", DEBUGFS),
    ("securityfs", SECURITY),
    ("cgroup2", CGROUP2),
];

/// Mounts what the suites need, unless it is mounted already, and returns the failures.
///
/// None is fatal: a case that needs a file system checks for it.
pub fn mount_all() -> Vec<String> {
    let mut troubles = mount_first();
    troubles.extend(mount_each(&OTHERS));
    troubles
}

/// Mounts only /proc, /sys and /dev, and returns the failures.
pub fn mount_first() -> Vec<String> {
    mount_each(&FIRST)
}

fn mount_each(wanted: &[(&str, &str)]) -> Vec<String> {
    let tried = wanted.iter();
    tried
        .filter_map(|(kind, target)| mount_at(kind, target, "").err())
        .collect()
}

/// Mounts a file system of this kind. Makes the folder if it is missing.
pub fn mount_at(kind: &str, target: &str, options: &str) -> Result<(), String> {
    // On a file system like sysfs only the kernel makes folders.
    if !Path::new(target).is_dir() {
        fs::create_dir_all(target).map_err(|error| format!("make folder {target}: {error}"))?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    match mount(Some(kind), target, Some(kind), flags, Some(options)) {
        Ok(()) | Err(Errno::EBUSY) => Ok(()),
        Err(errno) => Err(format!("mount {kind} on {target}: {errno}")),
    }
}
