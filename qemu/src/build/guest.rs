// SPDX-License-Identifier: GPL-2.0

//! The files that a guest gets.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{ensure, Context, Result};

use super::module::BuiltModules;
use crate::cache::entries;
use crate::cpio::Archive;
use crate::suites::Suite;

/// The folder of the project's modules in the guest.
pub const MODULES: &str = "modules";
/// The folder of the signed copies, for kernels whose build leaves a signing key.
const SIGNED: &str = "modules/signed";

/// The files of a guest, held in memory so another build may replace them on disk.
#[derive(Clone)]
pub struct Guest {
    /// The first process of a guest that is saved as a snapshot. It waits for the test program.
    pub waiter: PathBuf,
    pub(super) stock_archive: Option<PathBuf>,
    pub(super) init: Option<Arc<GuestFile>>,
    /// The files of each part. A guest gets the files of the parts that its suite names.
    pub(super) parts: BTreeMap<String, Vec<Arc<GuestFile>>>,
    /// Files that every guest gets. They replace files with the same path.
    pub(super) more: Vec<Arc<GuestFile>>,
}

/// A file at its path in a guest.
pub struct GuestFile {
    pub(super) path: String,
    pub(super) data: Vec<u8>,
    pub(super) is_program: bool,
}

impl Guest {
    /// A guest without files.
    #[cfg(test)]
    pub fn empty() -> Self {
        Self {
            waiter: PathBuf::new(),
            stock_archive: None,
            init: None,
            parts: BTreeMap::new(),
            more: Vec::new(),
        }
    }

    /// A copy without files, so the kernel finds no program to start.
    pub fn without_files(&self) -> Self {
        Self {
            stock_archive: None,
            init: None,
            parts: BTreeMap::new(),
            more: Vec::new(),
            ..self.clone()
        }
    }

    /// Adds a module, which replaces the project's module of that name.
    pub fn replace_module(&mut self, name: &str, data: Vec<u8>) {
        self.more.push(Arc::new(GuestFile {
            path: format!("{MODULES}/{name}"),
            data,
            is_program: false,
        }));
    }

    /// Adds a program.
    pub fn add_program(&mut self, in_guest: &str, path: &Path) -> Result<()> {
        self.more.push(program(in_guest, path)?);
        Ok(())
    }

    /// Adds the files for a suite to an archive.
    pub fn add_to(&self, archive: &mut Archive<impl Write>, suite: &Suite) -> Result<()> {
        let of_suite = suite.with.iter().filter_map(|part| self.parts.get(part));
        let usual = self.init.iter().chain(of_suite.flatten());
        let stays = |file: &&Arc<GuestFile>| !self.more.iter().any(|other| other.path == file.path);
        for file in usual.filter(stays).chain(&self.more) {
            if file.is_program {
                archive.program(&file.path, &file.data)?;
            } else {
                archive.file(&file.path, &file.data)?;
            }
        }
        Ok(())
    }

    /// Writes the initramfs of a cold boot: the archive of stock modules, then the other files.
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

/// Reads all files below a folder, each as a program.
pub(super) fn tree(folder: &Path) -> Result<Vec<Arc<GuestFile>>> {
    let mut files = Vec::new();
    ensure!(folder.is_dir(), "there is no folder {}", folder.display());
    add_tree(folder, "", &mut files)?;
    Ok(files)
}

fn add_tree(folder: &Path, in_guest: &str, files: &mut Vec<Arc<GuestFile>>) -> Result<()> {
    for path in entries(folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let in_guest = format!("{in_guest}{name}");
        if path.is_dir() {
            add_tree(&path, &format!("{in_guest}/"), files)?;
        } else {
            files.push(program(&in_guest, &path)?);
        }
    }
    Ok(())
}

/// Reads a program of the host for the guest.
pub(super) fn program(in_guest: &str, path: &Path) -> Result<Arc<GuestFile>> {
    Ok(Arc::new(GuestFile {
        path: in_guest.to_owned(),
        data: read(path)?,
        is_program: true,
    }))
}

/// Reads the stripped modules, and the signed copies if the kernel left a key.
pub(super) fn unsigned_and_signed(built: &BuiltModules) -> Result<Vec<Arc<GuestFile>>> {
    let mut files = module_files(MODULES, &built.stripped)?;
    files.extend(module_files(SIGNED, &built.signed)?);
    Ok(files)
}

/// Reads modules for that folder of the guest.
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
