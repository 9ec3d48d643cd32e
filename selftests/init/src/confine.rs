// SPDX-License-Identifier: GPL-2.0

//! Cgroups whose processes may not use the DRM devices, and so not read KFD's nodes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{umount2, MntFlags};

use crate::bpf;
use crate::ctx::Skip;
use crate::mounts::{mount_at, CGROUP2};

/// Where the version 1 devices controller is mounted for a while.
const V1: &str = "/tmp/devices";
const GROUP: &str = "rdna1-denied";
/// The major number of DRM's character devices.
const DRM: &str = "c 226:* rwm";

/// A cgroup that denies DRM's devices; gone when dropped.
pub struct Denied {
    group: PathBuf,
    mounted: Option<&'static str>,
}

impl Denied {
    /// By the devices controller of cgroup version 1; skips where it is not to be had.
    pub fn by_v1() -> Result<Self> {
        mount_at("cgroup", V1, "devices").map_err(Skip)?;
        let denied = Self {
            group: Path::new(V1).join(GROUP),
            mounted: Some(V1),
        };
        denied.make()?;
        let deny = denied.group.join("devices.deny");
        fs::write(&deny, DRM).with_context(|| format!("write {DRM:?} to {}", deny.display()))?;
        Ok(denied)
    }

    /// By a BPF device filter on a cgroup of version 2; skips where the kernel has none.
    pub fn by_bpf() -> Result<Self> {
        if !Path::new(CGROUP2).join("cgroup.procs").exists() {
            return Err(Skip(format!("no cgroup2 on {CGROUP2}")).into());
        }
        let denied = Self {
            group: Path::new(CGROUP2).join(GROUP),
            mounted: None,
        };
        denied.make()?;
        let folder = File::open(&denied.group).context("open the new cgroup")?;
        match bpf::deny_all_devices(&folder) {
            Ok(()) => Ok(denied),
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
                Err(Skip(format!("bpf(2): {error}")).into())
            }
            Err(error) => Err(error).context("put a BPF device filter on the new cgroup"),
        }
    }

    /// The file by which a process enters.
    pub fn procs(&self) -> PathBuf {
        self.group.join("cgroup.procs")
    }

    fn make(&self) -> Result<()> {
        let group = &self.group;
        fs::create_dir(group).with_context(|| format!("make cgroup {}", group.display()))
    }
}

impl Drop for Denied {
    fn drop(&mut self) {
        // A group that stays behind denies nothing to anybody outside of it.
        let _ = fs::remove_dir(&self.group);
        if let Some(mounted) = self.mounted {
            let _ = umount2(mounted, MntFlags::MNT_DETACH);
        }
    }
}
