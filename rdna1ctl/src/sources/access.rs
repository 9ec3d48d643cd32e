// SPDX-License-Identifier: GPL-2.0

//! The device files that a program must open to use the card.

use std::os::unix::fs::MetadataExt as _;

use nix::fcntl::{AtFlags, AT_FDCWD};
use nix::unistd::{faccessat, AccessFlags};

use crate::root::Root;

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its path.
    pub path: String,
    /// Whether this user may read and write it.
    pub allowed: bool,
    /// The group that it belongs to.
    pub group: String,
}

/// The device nodes.
pub struct Access {
    /// `/dev/kfd`, if it exists.
    pub kfd: Option<Device>,
    /// `/dev/dri/renderD*`.
    pub render: Vec<Device>,
}

impl Access {
    /// Reads their permissions. Opening `/dev/dri/renderD*` would wake a sleeping card
    /// (`amdgpu_driver_open_kms()`, `amdgpu_kms.c`), so this opens none.
    pub fn read(root: &Root) -> Self {
        let names = root.names("/dev/dri").into_iter();
        let render = names.filter(|name| name.starts_with("renderD"));
        Self {
            kfd: device(root, "/dev/kfd".to_owned()),
            render: render
                .filter_map(|name| device(root, format!("/dev/dri/{name}")))
                .collect(),
        }
    }
}

fn device(root: &Root, path: String) -> Option<Device> {
    let place = root.path(&path);
    let metadata = std::fs::metadata(&place).ok()?;
    let mode = AccessFlags::R_OK | AccessFlags::W_OK;
    let may = faccessat(AT_FDCWD, &place, mode, AtFlags::AT_EACCESS);
    Some(Device {
        path,
        allowed: may.is_ok(),
        group: group(root, metadata.gid()),
    })
}

fn group(root: &Root, id: u32) -> String {
    let groups = root.text("/etc/group").unwrap_or_default();
    let name = groups.lines().find_map(|line| {
        let mut words = line.split(':');
        let name = words.next()?;
        (words.nth(1)? == id.to_string()).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| id.to_string())
}
