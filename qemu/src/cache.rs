// SPDX-License-Identifier: GPL-2.0

//! The cache folder, and the stages in it.
//!
//! A stage is a folder with the result of one step. modproof fills it under a temporary name, adds
//! a stamp that names its inputs, and renames it into place. So an interrupted run leaves a stage
//! either complete or absent.

mod stage;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use rustix::fs::{flock, FlockOperation};

use crate::ui::Ui;
pub use stage::{made, now_as_id, write_atomically, Built, Stage, Work};

/// The folder in the cache for files of kernels.
pub const KERNELS: &str = "kernels";
/// The folder in the cache for files of build roots.
pub const ROOTS: &str = "roots";

/// The cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens the named folder, or else `modproof` in the user's cache folder.
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
        // Commands run in other folders and other roots, so the path must be absolute.
        let root = root.canonicalize()?;
        if root.to_str().is_none() {
            bail!("the cache folder's name is not UTF-8: {}", root.display());
        }
        Ok(Self { root })
    }

    /// A cache in this folder.
    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        let root = root.to_owned();
        Self { root }
    }

    /// The path of the cache folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a kernel.
    pub fn kernel(&self, name: &str) -> PathBuf {
        self.home(Owner::Kernel(name))
    }

    /// The folder of a kernel or of a build root.
    pub fn home(&self, owner: Owner) -> PathBuf {
        self.root.join(owner.folder()).join(owner.name())
    }

    /// The names of the kernels, or of the build roots, that the cache holds.
    pub fn held(&self, folder: &str) -> Vec<String> {
        let entries = entries(&self.root.join(folder)).into_iter();
        let names = entries.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
        names.collect()
    }

    /// The path of a named lock.
    pub fn lock_file(&self, name: &str) -> PathBuf {
        self.root.join("locks").join(name)
    }

    /// Takes an exclusive lock, and waits for it if necessary.
    pub fn exclusive(&self, ui: &Ui, name: &str) -> Result<LockGuard> {
        lock(
            ui,
            &self.lock_file(name),
            FlockOperation::LockExclusive,
            name,
        )
    }

    /// Takes an exclusive lock. Returns `None` if another process holds it.
    pub fn try_exclusive(&self, name: &str) -> Result<Option<LockGuard>> {
        let file = open_lock(&self.lock_file(name))?;
        let free = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        Ok(free.then_some(LockGuard { _file: file }))
    }
}

/// The entries of a folder, sorted by name. Empty if the folder cannot be read.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// The owner of a stage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Owner<'a> {
    /// A single kernel.
    Kernel(&'a str),
    /// A build root, which several kernels can share.
    Root(&'a str),
}

impl Owner<'_> {
    /// The owner's folder in the cache.
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

    /// The prefix of the owner's locks.
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

/// A lock. Dropping it releases the lock.
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
