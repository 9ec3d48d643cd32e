// SPDX-License-Identifier: GPL-2.0

//! The kernel's file systems, which nobody but PID 1 mounts here.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{mount, MsFlags};

/// Where debugfs belongs.
pub const DEBUGFS: &str = "/sys/kernel/debug";
/// Where the unified cgroup hierarchy belongs.
pub const CGROUP2: &str = "/sys/fs/cgroup";

/// Where securityfs belongs.
pub const SECURITY: &str = "/sys/kernel/security";

/// What nothing works without.
const FIRST: [(&str, &str); 3] = [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")];
const OTHERS: [(&str, &str); 4] = [
    ("tmpfs", "/tmp"),
    ("debugfs", DEBUGFS),
    ("securityfs", SECURITY),
    ("cgroup2", CGROUP2),
];

/// Mounts what the suites need, as far as it is not there, and gives back what
/// could not be mounted.
///
/// Nothing here is fatal: a case that needs what is missing says so itself.
pub fn mount_all() -> Vec<String> {
    let mut troubles = mount_first();
    troubles.extend(mount_each(&OTHERS));
    troubles
}

/// Mounts /proc, /sys and /dev alone.
pub fn mount_first() -> Vec<String> {
    mount_each(&FIRST)
}

fn mount_each(wanted: &[(&str, &str)]) -> Vec<String> {
    let tried = wanted.iter();
    tried
        .filter_map(|(kind, target)| mount_at(kind, target, "").err())
        .collect()
}

/// Mounts a file system of this kind, making the folder if need be.
pub fn mount_at(kind: &str, target: &str, options: &str) -> Result<(), String> {
    // The folder may be there, or be on a file system where folders are the kernel's to make.
    if !Path::new(target).is_dir() {
        fs::create_dir_all(target).map_err(|error| format!("make folder {target}: {error}"))?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    match mount(Some(kind), target, Some(kind), flags, Some(options)) {
        Ok(()) | Err(Errno::EBUSY) => Ok(()),
        Err(errno) => Err(format!("mount {kind} on {target}: {errno}")),
    }
}
