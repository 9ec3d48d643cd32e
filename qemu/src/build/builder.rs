// SPDX-License-Identifier: GPL-2.0

//! The settings and locks that all builds for a kernel share.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::programs::Programs;
use crate::cache::LockGuard;
use crate::cargo::Cargo;
use crate::parts::Parts;
use crate::provision::{Chroot, Provision, Ready};

/// Builds the parts of a project for a kernel.
pub struct Builder<'a> {
    /// The project's parts.
    pub parts: &'a Parts,
    /// The cache, root's rights, and the kernel's entry.
    pub provision: Provision<'a>,
    /// Runs cargo.
    pub cargo: &'a Cargo,
    /// The guest's programs.
    pub programs: &'a Programs,
    /// The kernel to build for.
    pub ready: &'a Ready,
    /// A lock file. Commands in the build root hold its lock while they run.
    pub busy: PathBuf,
}

/// The folder of a part's modules, below the kernel's build folder.
pub fn parts_folder(name: &str) -> String {
    format!("parts/{name}")
}

impl Builder<'_> {
    pub(super) fn folder(&self) -> PathBuf {
        self.provision
            .cache
            .kernel(&self.ready.kernel)
            .join("build")
    }

    pub(super) fn log_path(&self, name: &str) -> PathBuf {
        self.provision
            .cache
            .kernel(&self.ready.kernel)
            .join("logs")
            .join(format!("build-{name}.log"))
    }

    /// Takes the lock that keeps other builds for this kernel waiting.
    pub(super) fn begin(&self) -> Result<LockGuard> {
        let lock = self
            .provision
            .cache
            .exclusive(self.provision.ui, &format!("{}.build", self.ready.kernel))?;
        // A killed run may have left a program that still writes. Wait for it.
        drop(
            self.provision
                .cache
                .exclusive(self.provision.ui, &self.busy_name())?,
        );
        std::fs::create_dir_all(self.folder())?;
        Ok(lock)
    }

    fn busy_name(&self) -> String {
        let name = self.busy.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The build root with the kernel, and with a folder of modules as `/mnt/module`.
    pub(super) fn chroot(&self, folder: &Path) -> Chroot<'_> {
        Chroot::new(self.provision.privilege, self.ready.root(), &self.busy)
            .read_only(self.ready.source(), "source")
            .read_only(self.ready.object(), "object")
            .writable(folder, "module")
    }
}
