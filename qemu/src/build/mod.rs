// SPDX-License-Identifier: GPL-2.0

//! Building: the modules in the build root, the guest's first process with the
//! host's toolchain, and the initramfs that holds them.

mod defects;
mod done;
pub mod elf;
mod guest;
mod headers;
mod hsakmt;
mod init;
mod layout;
mod lint;
mod module;
mod others;
mod sync;

use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use crate::cache::{Cache, LockGuard};
use crate::cargo::Cargo;
use crate::provision::Ready;
use crate::run::Privilege;
use crate::ui::Ui;
pub use done::Done;
use guest::{both_kinds, module_files, rdna1ctl_file, read, MODULES};
pub use guest::{Guest, GuestFile};
use init::build_rdna1ctl;
pub use init::{build as build_programs, Programs};

/// What building goes by.
pub struct Builder<'a> {
    /// The sources.
    pub repo: &'a Path,
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
    /// The kernel's name in `kernels.toml`.
    pub kernel: &'a str,
    /// The kernel to build for.
    pub ready: &'a Ready,
    /// Held locked by whatever runs in the root.
    pub busy: PathBuf,
}

/// What was built. Nobody else builds while this is held.
pub struct Products {
    /// The module under test.
    pub guard: PathBuf,
    /// What the guest is given of it.
    pub guest: Guest,
    _lock: LockGuard,
}

impl Builder<'_> {
    fn folder(&self) -> PathBuf {
        self.cache.kernel(self.kernel).join("build")
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.cache
            .kernel(self.kernel)
            .join("logs")
            .join(format!("build-{name}.log"))
    }

    /// Brings all products up to date.
    pub fn build(&self) -> Result<Products> {
        let lock = self.begin()?;
        std::thread::scope(|scope| {
            // cargo builds it on the host, while make builds the modules in the root.
            let rdna1ctl = scope.spawn(|| build_rdna1ctl(self.cargo, self.ui));
            let mut products = self.build_few(lock)?;
            let tree = module::TREE_FIXTURE.build(self, self.repo)?;
            let rdna1ctl = rdna1ctl.join();
            let rdna1ctl = rdna1ctl.unwrap_or_else(|_| bail!("building rdna1ctl panicked"))?;
            let guest = &mut products.guest;
            guest.files.extend(both_kinds(&tree)?);
            guest.rdna1ctl.push(rdna1ctl_file(&rdna1ctl)?);
            guest.hsakmt = self.hsakmt_files()?;
            Ok(products)
        })
    }

    /// Brings up to date what the demo needs: the module, and the card in the stock amdgpu.ko.
    pub fn build_for_demo(&self) -> Result<Products> {
        self.build_few(self.begin()?)
    }

    fn build_few(&self, lock: LockGuard) -> Result<Products> {
        let guard = module::GUARD.build(self, self.repo)?;
        let fixture = module::STOCK_FIXTURE.build(self, self.repo)?;
        let mut guest = Guest::without_modules(self.programs)?;
        guest.stock_archive = self.ready.stock_archive.clone();
        for built in [&guard, &fixture] {
            guest.files.extend(both_kinds(built)?);
        }
        Ok(Products {
            guest,
            guard: guard
                .whole
                .into_iter()
                .next()
                .context("no module was built")?,
            _lock: lock,
        })
    }

    /// Builds the kernel's own sample, and gives it to the guest.
    pub fn add_sample(&self, products: &mut Products) -> Result<PathBuf> {
        let built = module::SAMPLE.build(self, self.repo)?;
        let files = module_files(MODULES, &built.stripped)?;
        products.guest.more.extend(files);
        built
            .whole
            .into_iter()
            .next()
            .context("no module was built")
    }

    /// Keeps others from building meanwhile.
    fn begin(&self) -> Result<LockGuard> {
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
}
