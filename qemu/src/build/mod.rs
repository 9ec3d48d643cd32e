// SPDX-License-Identifier: GPL-2.0

//! Building: the modules in the build root, the guest's first process with the
//! host's toolchain, and the initramfs that holds them.

mod defects;
pub mod elf;
mod hsakmt;
mod init;
mod layout;
mod lint;
mod module;
mod sync;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cache::{Cache, LockGuard};
use crate::cargo::Cargo;
use crate::config::Suite;
use crate::cpio::Archive;
use crate::provision::Ready;
use crate::run::Privilege;
use crate::ui::Ui;

/// Where the guest finds our modules.
const MODULES: &str = "modules";
/// The same modules, signed with the kernel's own key, for kernels that leave
/// one behind.
const SIGNED: &str = "modules/signed";

/// What building goes by.
pub struct Builder<'a> {
    /// The sources.
    pub repo: &'a Path,
    /// How cargo is run.
    pub cargo: &'a Cargo,
    /// Where products are kept.
    pub cache: &'a Cache,
    /// How progress is shown.
    pub ui: &'a Ui,
    /// Root's rights.
    pub privilege: &'a Privilege,
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
    initramfs: PathBuf,
    with_hsakmt: PathBuf,
    _lock: LockGuard,
}

impl Products {
    /// What a suite's guest has.
    pub fn initramfs(&self, suite: &Suite) -> &Path {
        if suite.hsakmt {
            &self.with_hsakmt
        } else {
            &self.initramfs
        }
    }
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
        let lock = self
            .cache
            .exclusive(self.ui, &format!("{}.build", self.kernel))?;
        // What a killed run left may still be writing.
        drop(self.cache.exclusive(self.ui, &self.busy_name())?);
        std::fs::create_dir_all(self.folder())?;
        let guard = module::GUARD.build(self)?;
        let fixture = module::FIXTURE.build(self)?;
        let init = init::build(self)?;
        let initramfs = self.folder().join("initramfs.cpio");
        let signed = [module::GUARD.signed(self), module::FIXTURE.signed(self)].concat();
        let own = guard.iter().chain(&fixture).map(|path| (MODULES, path));
        let signed = signed.iter().map(|path| (SIGNED, path));
        let stock = self.ready.stock_archive.as_deref();
        self.write_initramfs(&initramfs, stock, &init, own.chain(signed))
            .with_context(|| format!("cannot write {}", initramfs.display()))?;
        let with_hsakmt = self.folder().join("initramfs-hsakmt.cpio");
        write_archive(&with_hsakmt, Some(&initramfs), |archive| {
            self.add_hsakmt(archive)
        })
        .with_context(|| format!("cannot write {}", with_hsakmt.display()))?;
        Ok(Products {
            guard: guard.into_iter().next().context("no module was built")?,
            initramfs,
            with_hsakmt,
            _lock: lock,
        })
    }

    fn busy_name(&self) -> String {
        let name = self.busy.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The stock modules are an archive already; what is fresh follows it.
    fn write_initramfs<'p>(
        &self,
        path: &Path,
        stock: Option<&Path>,
        init: &Path,
        modules: impl Iterator<Item = (&'static str, &'p PathBuf)>,
    ) -> Result<()> {
        write_archive(path, stock, |archive| {
            for folder in ["dev", "proc", "sys", "tmp"] {
                archive.folder(folder)?;
            }
            archive.program("init", &std::fs::read(init)?)?;
            for (folder, module) in modules {
                let name = module.file_name().unwrap_or_default().to_string_lossy();
                archive.file(&format!("{folder}/{name}"), &std::fs::read(module)?)?;
            }
            Ok(())
        })
    }
}

/// Archives may follow one another: writes what `add` adds, after what is in `before`.
fn write_archive(
    path: &Path,
    before: Option<&Path>,
    add: impl FnOnce(&mut Archive<BufWriter<File>>) -> Result<()>,
) -> Result<()> {
    let partial = path.with_extension("partial");
    let mut out = BufWriter::new(File::create(&partial)?);
    if let Some(before) = before {
        std::io::copy(&mut File::open(before)?, &mut out)?;
    }
    let mut archive = Archive::new(out);
    add(&mut archive)?;
    archive.finish()?.flush()?;
    std::fs::rename(&partial, path)?;
    Ok(())
}
