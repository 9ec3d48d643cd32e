// SPDX-License-Identifier: GPL-2.0

//! What every build goes by.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::programs::Programs;
use crate::cache::{Cache, LockGuard};
use crate::cargo::Cargo;
use crate::parts::Parts;
use crate::provision::{Chroot, Ready};
use crate::run::Privilege;
use crate::ui::Ui;

/// What building goes by.
pub struct Builder<'a> {
    /// What there is to build.
    pub parts: &'a Parts,
    /// Where products are kept.
    pub cache: &'a Cache,
    /// How progress is shown.
    pub ui: &'a Ui,
    /// Root's rights.
    pub privilege: &'a Privilege,
    /// How cargo is run.
    pub cargo: &'a Cargo,
    /// The guest's programs.
    pub programs: &'a Programs,
    /// The kernel's name.
    pub kernel: &'a str,
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
        self.cache.kernel(self.kernel).join("build")
    }

    pub(super) fn log_path(&self, name: &str) -> PathBuf {
        self.cache
            .kernel(self.kernel)
            .join("logs")
            .join(format!("build-{name}.log"))
    }

    /// Keeps others from building meanwhile.
    pub(super) fn begin(&self) -> Result<LockGuard> {
        let lock = self
            .cache
            .exclusive(self.ui, &format!("{}.build", self.kernel))?;
        // What a killed run left may still be writing.
        drop(self.cache.exclusive(self.ui, &self.busy_name())?);
        std::fs::create_dir_all(self.folder())?;
        Ok(lock)
    }

    fn busy_name(&self) -> String {
        let name = self.busy.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The build root with the kernel, and a folder of modules as `/mnt/module`.
    pub(super) fn chroot(&self, folder: &Path) -> Chroot<'_> {
        Chroot::new(self.privilege, self.ready.root(), &self.busy)
            .read_only(self.ready.source(), "source")
            .read_only(self.ready.object(), "object")
            .writable(folder, "module")
    }
}
