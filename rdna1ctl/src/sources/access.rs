// SPDX-License-Identifier: GPL-2.0

//! The device files that a program must open to use the card, and whether it may.
//!
//! rdna1ctl opens none of them. Opening a render node wakes its card (`amdgpu_driver_open_kms()`,
//! `amdgpu_kms.c`), and opening `/dev/kfd` creates a process in KFD (`kfd_open()`,
//! `kfd_chardev.c`). faccessat(2) asks the kernel all that open(2) would ask
//! (`inode_permission()`): mode, access control lists, capabilities, the device cgroup, security
//! modules. It does not ask about the mount option `nodev`, so this file reads the mounts.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, AT_FDCWD};
use nix::libc;
use nix::unistd::{faccessat, setfsgid, setfsuid, AccessFlags, Gid, Uid};

use crate::root::Root;

use super::users::{groups, User, Users};
use super::KFD;

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its path.
    pub path: String,
    /// Whether it is a folder: Docker creates one in place of a device that its host does not have.
    pub is_folder: bool,
    /// The id of the owning user.
    pub uid: u32,
    /// The id of the owning group.
    pub gid: u32,
    /// The group's name, if `/etc/group` has one.
    pub group: Option<String>,
    /// Its permissions.
    pub mode: u32,
    /// Whether the user who runs rdna1ctl may open it.
    pub own: bool,
    /// Whether the user who called sudo may open it; `None` without such a user, or if unknown.
    pub caller: Option<bool>,
    /// The mount point with the option `nodev`, below which no device can be opened.
    pub nodev: Option<String>,
}

/// The device nodes.
pub struct Access {
    /// `/dev/kfd`, if it exists.
    pub kfd: Option<Device>,
    /// `/dev/dri/renderD*`.
    pub render: Vec<Device>,
    /// The users whose access was checked.
    pub users: Users,
    /// The id that groups without a number here have (`/proc/sys/kernel/overflowgid`).
    pub unmapped_gid: u32,
}

impl Access {
    /// Asks the kernel about each device and user.
    pub fn read(root: &Root) -> Self {
        let users = Users::read(root);
        let names = root.names("/dev/dri").into_iter();
        let render = names.filter(|name| name.starts_with("renderD"));
        let overflow = root.text("/proc/sys/kernel/overflowgid");
        let paths = render.map(|name| format!("/dev/dri/{name}"));
        let mut devices: Vec<_> = [KFD.to_owned()]
            .into_iter()
            .chain(paths)
            .filter_map(|path| device(root, path))
            .collect();
        if let Some(caller) = &users.caller {
            let places: Vec<_> = devices.iter().map(|one| root.path(&one.path)).collect();
            let answers = ask_as(caller, places).unwrap_or_default();
            for (device, may) in devices.iter_mut().zip(answers) {
                device.caller = Some(may && device.nodev.is_none());
            }
        }
        let kfd = devices.iter().position(|one| one.path == KFD);
        Self {
            kfd: kfd.map(|index| devices.remove(index)),
            render: devices,
            unmapped_gid: overflow.and_then(|text| text.parse().ok()).unwrap_or(65534),
            users,
        }
    }
}

fn device(root: &Root, path: String) -> Option<Device> {
    let place = root.path(&path);
    let metadata = std::fs::metadata(&place).ok()?;
    let nodev = mounted_nodev(root, &path);
    Some(Device {
        own: may(&place).is_ok() && nodev.is_none(),
        caller: None,
        is_folder: metadata.is_dir(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        group: group(root, metadata.gid()),
        mode: metadata.mode() & 0o777,
        nodev,
        path,
    })
}

fn may(place: &PathBuf) -> Result<(), Errno> {
    let mode = AccessFlags::R_OK | AccessFlags::W_OK;
    faccessat(AT_FDCWD, place, mode, AtFlags::AT_EACCESS)
}

/// Whether that user may open each of these; `None` if this process cannot ask as another user.
///
/// A thread takes the user's ids for file access, and ends. The kernel keeps these ids per thread.
fn ask_as(user: &User, places: Vec<PathBuf>) -> Option<Vec<bool>> {
    let groups = user.groups.clone()?;
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(*groups.first()?));
    let asked = std::thread::spawn(move || {
        // SAFETY: The kernel reads `groups.len()` numbers from the vector, which outlives the call.
        // glibc's setgroups(3) would set the groups of all threads.
        let set = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
        if set != 0 {
            return None;
        }
        setfsgid(gid);
        setfsuid(uid);
        // Both return the previous id; a second call tells whether the first one worked.
        if setfsgid(gid) != gid || setfsuid(uid) != uid {
            return None;
        }
        Some(places.iter().map(|place| may(place).is_ok()).collect())
    });
    asked.join().ok()?
}

/// The mount point that holds that path, if its mount has the option `nodev`.
fn mounted_nodev(root: &Root, path: &str) -> Option<String> {
    let mounts = root.text("/proc/self/mounts").unwrap_or_default();
    let mut holding: Option<(&str, &str)> = None;
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(1);
        let (Some(point), Some(options)) = (words.next(), words.nth(1)) else {
            continue;
        };
        let rest = path.strip_prefix(point);
        let holds =
            point == "/" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        // A later mount hides an earlier one.
        if holds && holding.is_none_or(|(other, _)| other.len() <= point.len()) {
            holding = Some((point, options));
        }
    }
    let (point, options) = holding?;
    options
        .split(',')
        .any(|one| one == "nodev")
        .then(|| point.to_owned())
}

fn group(root: &Root, id: u32) -> Option<String> {
    let groups = groups(root);
    groups.lines().find_map(|line| {
        let mut words = line.split(':');
        let name = words.next()?;
        (words.nth(1)? == id.to_string()).then(|| name.to_owned())
    })
}
