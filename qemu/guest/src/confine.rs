// SPDX-License-Identifier: GPL-2.0

//! Cgroups whose processes may not use certain devices.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use modproof_wait::mounts::{mount_at, CGROUP2};
use nix::mount::{umount2, MntFlags};

use crate::bpf;
use crate::skip::Skip;

/// The mount point of the cgroup version 1 devices controller, until [`Denied`] is dropped.
const V1: &str = "/tmp/devices";
const GROUP: &str = "modproof-denied";

/// A cgroup that denies devices. Dropping it removes it.
pub struct Denied {
    group: PathBuf,
    mounted: Option<&'static str>,
}

impl Denied {
    /// Denies the devices of a rule, as `c 1:* rwm`, by the devices controller of version 1
    /// cgroups. Skips on a kernel without that controller.
    pub fn by_v1(devices: &str) -> Result<Self> {
        mount_at("cgroup", V1, "devices").map_err(Skip)?;
        let denied = Self {
            group: Path::new(V1).join(GROUP),
            mounted: Some(V1),
        };
        denied.make()?;
        let deny = denied.group.join("devices.deny");
        fs::write(&deny, devices)
            .with_context(|| format!("write {devices:?} to {}", deny.display()))?;
        Ok(denied)
    }

    /// Denies all devices, by a BPF device filter on a cgroup of version 2. Skips on a kernel
    /// without such filters.
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

    /// A process that writes `0` to this file enters the cgroup.
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
        // Ignore errors: a leftover group affects no process outside of it.
        let _ = fs::remove_dir(&self.group);
        if let Some(mounted) = self.mounted {
            let _ = umount2(mounted, MntFlags::MNT_DETACH);
        }
    }
}
