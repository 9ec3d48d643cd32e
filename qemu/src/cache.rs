// SPDX-License-Identifier: GPL-2.0

//! The cache folder, and the stages in it.
//!
//! A stage is a folder that is made aside and renamed into place when it is
//! complete, with a stamp that names what it was made from. So whatever
//! interrupts a run, the next one finds each stage whole or not at all.

mod stage;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use rustix::fs::{flock, FlockOperation};

use crate::ui::Ui;
pub use stage::{made, now_as_id, write_atomically, Built, Stage, Work};

/// Where in the cache that which belongs to kernels lies.
pub const KERNELS: &str = "kernels";
/// The same of build roots.
pub const ROOTS: &str = "roots";

/// The cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The folder that is named; else `modproof` in the user's cache folder.
    pub fn open(named: Option<&Path>) -> Result<Self> {
        let set = |name| std::env::var_os(name).filter(|v| !v.is_empty());
        let root = if let Some(path) = named {
            path.to_owned()
        } else if let Some(path) = set("XDG_CACHE_HOME") {
            PathBuf::from(path).join("modproof")
        } else if let Some(home) = set("HOME") {
            PathBuf::from(home).join(".cache/modproof")
        } else {
            bail!("no place for the cache: name a folder with --cache");
        };
        std::fs::create_dir_all(&root)
            .with_context(|| format!("cannot make the cache folder {}", root.display()))?;
        // Commands run elsewhere and in other roots, so the path must be absolute.
        let root = root.canonicalize()?;
        if root.to_str().is_none() {
            bail!("the cache folder's name is not UTF-8: {}", root.display());
        }
        Ok(Self { root })
    }

    /// The one in this folder.
    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        let root = root.to_owned();
        Self { root }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All that belongs to a kernel.
    pub fn kernel(&self, name: &str) -> PathBuf {
        self.home(Owner::Kernel(name))
    }

    /// What belongs to a kernel or to a build root.
    pub fn home(&self, owner: Owner) -> PathBuf {
        self.root.join(owner.folder()).join(owner.name())
    }

    /// The kernels, or the roots, that the cache holds.
    pub fn held(&self, folder: &str) -> Vec<String> {
        let entries = entries(&self.root.join(folder)).into_iter();
        let names = entries.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
        names.collect()
    }

    /// A lock file for something named.
    pub fn lock_file(&self, name: &str) -> PathBuf {
        self.root.join("locks").join(name)
    }

    /// A lock held by nobody else, waited for if need be.
    pub fn exclusive(&self, ui: &Ui, name: &str) -> Result<LockGuard> {
        lock(
            ui,
            &self.lock_file(name),
            FlockOperation::LockExclusive,
            name,
        )
    }

    /// A lock held by nobody else, or none if it is not free.
    pub fn try_exclusive(&self, name: &str) -> Result<Option<LockGuard>> {
        let file = open_lock(&self.lock_file(name))?;
        let free = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        Ok(free.then_some(LockGuard { _file: file }))
    }
}

/// What a folder holds, by name; nothing if it cannot be read.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// Whose a stage is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Owner<'a> {
    /// Of a kernel's alone.
    Kernel(&'a str),
    /// Of a build root's, which several kernels can share.
    Root(&'a str),
}

impl Owner<'_> {
    /// Where it lies in the cache.
    fn folder(&self) -> &'static str {
        match self {
            Self::Kernel(_) => KERNELS,
            Self::Root(_) => ROOTS,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Kernel(name) | Self::Root(name) => name,
        }
    }

    /// What its locks begin with.
    pub fn lock_prefix(&self) -> String {
        match self {
            Self::Kernel(name) => (*name).to_owned(),
            Self::Root(name) => format!("root.{name}"),
        }
    }
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(name) => f.write_str(name),
            Self::Root(name) => write!(f, "root {name}"),
        }
    }
}

/// A lock, free again when this is dropped.
#[derive(Debug)]
pub struct LockGuard {
    _file: File,
}

fn lock(ui: &Ui, path: &Path, how: FlockOperation, what: &str) -> Result<LockGuard> {
    let file = open_lock(path)?;
    let at_once = match how {
        FlockOperation::LockShared => FlockOperation::NonBlockingLockShared,
        _ => FlockOperation::NonBlockingLockExclusive,
    };
    if flock(&file, at_once).is_err() {
        ui.say(format!("waiting for another run that is busy with: {what}"));
        flock(&file, how).with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(LockGuard { _file: file })
}

fn open_lock(path: &Path) -> Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}
