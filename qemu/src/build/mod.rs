// SPDX-License-Identifier: GPL-2.0

//! Building: the modules in the build root, the guest's first process with the
//! host's toolchain, and the initramfs that holds them.

mod defects;
mod done;
pub mod elf;
mod headers;
mod hsakmt;
mod init;
mod layout;
mod lint;
mod module;
mod others;
mod sync;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{bail, Context, Result};

use crate::cache::{Cache, LockGuard};
use crate::cargo::Cargo;
use crate::config::Suite;
use crate::cpio::Archive;
use crate::provision::Ready;
use crate::run::Privilege;
use crate::ui::Ui;
pub use done::Done;
use init::build_rdna1ctl;
pub use init::{build as build_programs, Programs};

/// Where the guest finds our modules.
const MODULES: &str = "modules";
/// The same modules, signed with the kernel's own key, for kernels that leave
/// one behind.
const SIGNED: &str = "modules/signed";

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

/// What guests are given: all in memory, so that others may build meanwhile.
#[derive(Clone)]
pub struct Guest {
    /// The program that waits to become a guest's first process.
    pub waiter: PathBuf,
    stock_archive: Option<PathBuf>,
    files: Arc<[Arc<GuestFile>]>,
    hsakmt: Arc<[Arc<GuestFile>]>,
    rdna1ctl: Arc<[Arc<GuestFile>]>,
    more: Vec<Arc<GuestFile>>,
}

/// A file as a guest has it.
pub struct GuestFile {
    path: String,
    data: Vec<u8>,
    is_program: bool,
}

impl Guest {
    /// One that is given nothing.
    #[cfg(test)]
    pub fn empty() -> Self {
        Self {
            waiter: PathBuf::new(),
            stock_archive: None,
            files: [].into(),
            hsakmt: [].into(),
            rdna1ctl: [].into(),
            more: Vec::new(),
        }
    }

    /// One that has these modules and no other.
    fn with_modules(programs: &Programs, modules: &module::Built) -> Result<Self> {
        let mut files = vec![init_file(programs)?];
        files.extend(module_files(MODULES, &modules.stripped)?);
        Ok(Self {
            rdna1ctl: [].into(),
            waiter: programs.waiter.clone(),
            stock_archive: None,
            files: in_arcs(files),
            hsakmt: [].into(),
            more: Vec::new(),
        })
    }

    /// Gives the guest another module in the place of ours of that name.
    pub fn replace_module(&mut self, name: &str, data: Vec<u8>) {
        self.more.push(Arc::new(GuestFile {
            path: format!("{MODULES}/{name}"),
            data,
            is_program: false,
        }));
    }

    /// Gives the guest another program, too.
    pub fn add_program(&mut self, in_guest: &str, path: &Path) -> Result<()> {
        let program = GuestFile {
            path: in_guest.to_owned(),
            data: read(path)?,
            is_program: true,
        };
        self.more.push(Arc::new(program));
        Ok(())
    }

    /// Gives the guest all that is in this folder, as programs.
    pub fn add_tree(&mut self, tree: &Path) -> Result<()> {
        let entries =
            std::fs::read_dir(tree).with_context(|| format!("cannot read {}", tree.display()))?;
        self.add_entries(entries, "")
    }

    fn add_entries(&mut self, entries: std::fs::ReadDir, folder: &str) -> Result<()> {
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                self.add_entries(std::fs::read_dir(&path)?, &format!("{folder}{name}/"))?;
            } else {
                self.add_program(&format!("{folder}{name}"), &path)?;
            }
        }
        Ok(())
    }

    /// Adds all that is fresh to an archive, for the guest of a suite.
    pub fn add_to(&self, archive: &mut Archive<impl Write>, suite: &Suite) -> Result<()> {
        let hsakmt = self.hsakmt.iter().filter(|_| suite.hsakmt);
        let rdna1ctl = self.rdna1ctl.iter().filter(|_| suite.rdna1ctl);
        let of_suite = hsakmt.chain(rdna1ctl);
        let more = self.more.iter();
        let stays = |file: &&Arc<GuestFile>| !self.more.iter().any(|other| other.path == file.path);
        for file in self.files.iter().filter(stays).chain(of_suite).chain(more) {
            if file.is_program {
                archive.program(&file.path, &file.data)?;
            } else {
                archive.file(&file.path, &file.data)?;
            }
        }
        Ok(())
    }

    /// Writes the initramfs of a cold boot. The stock modules, if it has any,
    /// are an archive already; what is fresh follows it.
    pub fn write_initramfs(&self, path: &Path, suite: &Suite) -> Result<()> {
        let write = || {
            let stock = self.stock_archive.as_deref();
            let mut archive = Archive::begin_initramfs(path, stock)?;
            self.add_to(&mut archive, suite)?;
            archive.finish().map(drop)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
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
        std::thread::scope(|scope| {
            // It is built on the host, and all else in the root.
            let rdna1ctl = scope.spawn(|| build_rdna1ctl(self.cargo, self.ui));
            let mut products = self.build_for_demo()?;
            let tree = module::TREE_FIXTURE.build(self, self.repo)?;
            let mut files = products.guest.files.to_vec();
            files.extend(both_kinds(&tree)?);
            let rdna1ctl = rdna1ctl.join();
            let rdna1ctl = rdna1ctl.unwrap_or_else(|_| bail!("building rdna1ctl panicked"))?;
            products.guest = Guest {
                rdna1ctl: [rdna1ctl_file(&rdna1ctl)?.into()].into(),
                files: files.into(),
                hsakmt: in_arcs(self.hsakmt_files()?),
                ..products.guest
            };
            Ok(products)
        })
    }

    /// Brings up to date what the demo needs: the module, and the card in the stock amdgpu.ko.
    pub fn build_for_demo(&self) -> Result<Products> {
        let lock = self.begin()?;
        let guard = module::GUARD.build(self, self.repo)?;
        let fixture = module::STOCK_FIXTURE.build(self, self.repo)?;
        let mut files = vec![Arc::new(init_file(self.programs)?)];
        for built in [&guard, &fixture] {
            files.extend(both_kinds(built)?);
        }
        Ok(Products {
            guest: Guest {
                rdna1ctl: [].into(),
                waiter: self.programs.waiter.clone(),
                stock_archive: self.ready.stock_archive.clone(),
                files: files.into(),
                hsakmt: [].into(),
                more: Vec::new(),
            },
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
        products.guest.more.extend(files.into_iter().map(Arc::new));
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

fn rdna1ctl_file(rdna1ctl: &Path) -> Result<GuestFile> {
    Ok(GuestFile {
        path: "rdna1ctl".to_owned(),
        data: read(rdna1ctl)?,
        is_program: true,
    })
}

fn init_file(programs: &Programs) -> Result<GuestFile> {
    Ok(GuestFile {
        path: "init".to_owned(),
        data: read(&programs.init)?,
        is_program: true,
    })
}

fn in_arcs(files: Vec<GuestFile>) -> Arc<[Arc<GuestFile>]> {
    files.into_iter().map(Arc::new).collect()
}

/// Modules as the guest has them: unsigned, and signed where the kernel has left a key.
fn both_kinds(built: &module::Built) -> Result<Vec<Arc<GuestFile>>> {
    let mut files = module_files(MODULES, &built.stripped)?;
    files.extend(module_files(SIGNED, &built.signed)?);
    Ok(files.into_iter().map(Arc::new).collect())
}

/// Modules as they are in that folder of the guest.
fn module_files(folder: &str, modules: &[PathBuf]) -> Result<Vec<GuestFile>> {
    let files = modules.iter().map(|module| {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        Ok(GuestFile {
            path: format!("{folder}/{name}"),
            data: read(module)?,
            is_program: false,
        })
    });
    files.collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
