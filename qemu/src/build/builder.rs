// SPDX-License-Identifier: GPL-2.0

//! The means that every build shares.

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
    /// The cache, root's rights and the like.
    pub provision: Provision<'a>,
    /// Runs cargo.
    pub cargo: &'a Cargo,
    /// The guest's programs.
    pub programs: &'a Programs,
    /// The kernel to build for.
    pub ready: &'a Ready,
    /// Held locked by whatever runs in the root.
    pub busy: PathBuf,
}

/// The folder in which a project's modules of that name are built, below the kernel's build folder.
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

    /// Keeps others from building meanwhile.
    pub(super) fn begin(&self) -> Result<LockGuard> {
        let lock = self
            .provision
            .cache
            .exclusive(self.provision.ui, &format!("{}.build", self.ready.kernel))?;
        // A program that a killed run left behind may still be writing.
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

    /// The build root with the kernel, and a folder of modules as `/mnt/module`.
    pub(super) fn chroot(&self, folder: &Path) -> Chroot<'_> {
        Chroot::new(self.provision.privilege, self.ready.root(), &self.busy)
            .read_only(self.ready.source(), "source")
            .read_only(self.ready.object(), "object")
            .writable(folder, "module")
    }
}
