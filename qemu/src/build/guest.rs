// SPDX-License-Identifier: GPL-2.0

//! The files that a guest gets.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use super::init::Programs;
use super::module::Built;
use crate::config::Suite;
use crate::cpio::Archive;

/// Where the guest finds our modules.
pub const MODULES: &str = "modules";
/// The same modules, signed with the kernel's own key, for kernels that leave
/// one behind.
const SIGNED: &str = "modules/signed";

/// The files that a guest gets. They are in memory, so that another build may replace them on disk.
#[derive(Clone)]
pub struct Guest {
    /// The program that waits to become a guest's first process.
    pub waiter: PathBuf,
    pub(super) stock_archive: Option<PathBuf>,
    pub(super) files: Vec<Arc<GuestFile>>,
    pub(super) hsakmt: Vec<Arc<GuestFile>>,
    pub(super) rdna1ctl: Vec<Arc<GuestFile>>,
    pub(super) more: Vec<Arc<GuestFile>>,
}

/// A file as a guest has it.
pub struct GuestFile {
    pub(super) path: String,
    pub(super) data: Vec<u8>,
    pub(super) is_program: bool,
}

impl Guest {
    /// One that is given nothing.
    #[cfg(test)]
    pub fn empty() -> Self {
        Self {
            waiter: PathBuf::new(),
            stock_archive: None,
            files: Vec::new(),
            hsakmt: Vec::new(),
            rdna1ctl: Vec::new(),
            more: Vec::new(),
        }
    }

    /// A guest that has its first process, and no module.
    pub(super) fn without_modules(programs: &Programs) -> Result<Self> {
        Ok(Self {
            waiter: programs.waiter.clone(),
            stock_archive: None,
            files: vec![init_file(programs)?],
            hsakmt: Vec::new(),
            rdna1ctl: Vec::new(),
            more: Vec::new(),
        })
    }

    /// A guest that has these modules and no other.
    pub(super) fn with_modules(programs: &Programs, modules: &Built) -> Result<Self> {
        let mut guest = Self::without_modules(programs)?;
        guest
            .files
            .extend(module_files(MODULES, &modules.stripped)?);
        Ok(guest)
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
        self.more.push(program(in_guest, path)?);
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

pub(super) fn rdna1ctl_file(rdna1ctl: &Path) -> Result<Arc<GuestFile>> {
    program("rdna1ctl", rdna1ctl)
}

fn init_file(programs: &Programs) -> Result<Arc<GuestFile>> {
    program("init", &programs.init)
}

/// A program of the host, as it is in the guest.
pub(super) fn program(in_guest: &str, path: &Path) -> Result<Arc<GuestFile>> {
    Ok(Arc::new(GuestFile {
        path: in_guest.to_owned(),
        data: read(path)?,
        is_program: true,
    }))
}

/// Modules as the guest has them: unsigned, and signed where the kernel has left a key.
pub(super) fn both_kinds(built: &Built) -> Result<Vec<Arc<GuestFile>>> {
    let mut files = module_files(MODULES, &built.stripped)?;
    files.extend(module_files(SIGNED, &built.signed)?);
    Ok(files)
}

/// Modules as they are in that folder of the guest.
pub(super) fn module_files(folder: &str, modules: &[PathBuf]) -> Result<Vec<Arc<GuestFile>>> {
    let files = modules.iter().map(|module| {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        Ok(Arc::new(GuestFile {
            path: format!("{folder}/{name}"),
            data: read(module)?,
            is_program: false,
        }))
    });
    files.collect()
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
