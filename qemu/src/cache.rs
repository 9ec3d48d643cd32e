// SPDX-License-Identifier: GPL-2.0

//! The cache folder, and the stages in it.
//!
//! A stage is a folder that is made aside and renamed into place when it is
//! complete, with a stamp that names what it was made from. So whatever
//! interrupts a run, the next one finds each stage whole or not at all.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{bail, Context, Result};
use rustix::fs::{flock, FlockOperation};
use serde::{Deserialize, Serialize};

use crate::run::{Log, Privilege};
use crate::ui::{Activity, Ui};

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
    /// `$RDNA1_CACHE`, or the user's cache folder.
    pub fn open() -> Result<Self> {
        let set = |name| std::env::var_os(name).filter(|v| !v.is_empty());
        let root = if let Some(path) = set("RDNA1_CACHE") {
            PathBuf::from(path)
        } else if let Some(path) = set("XDG_CACHE_HOME") {
            PathBuf::from(path).join("rdna1-kfd-guard")
        } else if let Some(home) = set("HOME") {
            PathBuf::from(home).join(".cache/rdna1-kfd-guard")
        } else {
            bail!("no place for the cache: set RDNA1_CACHE to a folder");
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
        let entries = std::fs::read_dir(self.root.join(folder));
        let mut names: Vec<_> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|e| e.file_name().into_string().ok())
            .collect();
        names.sort();
        names
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
    fn lock_prefix(&self) -> String {
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

/// What a stage was made from, kept inside it.
#[derive(Debug, Deserialize, Serialize)]
struct Stamp {
    /// Tells two makings with the same inputs apart.
    made: String,
    inputs: BTreeMap<String, String>,
}

/// A stage that is complete; nobody replaces it while this is held.
#[derive(Debug)]
pub struct Built {
    dir: PathBuf,
    made: String,
    _lock: LockGuard,
}

impl Built {
    /// What the stage made.
    pub fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// Names this very making of it, as an input to later stages.
    pub fn id(&self) -> &str {
        &self.made
    }
}

/// The means a stage has for its work.
pub struct Work<'a> {
    /// The empty folder to fill.
    pub tree: PathBuf,
    /// Where output goes.
    pub log: Log,
    /// The progress line.
    pub activity: &'a Activity,
    /// A lock for privileged commands, see [`Privilege::contained`].
    pub busy: PathBuf,
}

/// A step of provisioning.
pub struct Stage<'a> {
    /// The cache it lies in.
    pub cache: &'a Cache,
    /// Whose it is.
    pub owner: Owner<'a>,
    /// Its folder's name.
    pub name: &'a str,
    /// What a user reads while it is made.
    pub about: &'a str,
    /// What it is made from.
    pub inputs: Vec<(&'a str, String)>,
}

impl Stage<'_> {
    /// Makes the stage unless it is there, made from the same inputs.
    pub fn ensure(
        &self,
        ui: &Ui,
        privilege: &Privilege,
        work: impl FnOnce(&Work) -> Result<String>,
    ) -> Result<Built> {
        let home = self.cache.home(self.owner);
        let dir = home.join(self.name);
        let what = format!("{}, stage {}", self.owner, self.name);
        let inputs: BTreeMap<String, String> = self
            .inputs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        let lock_path =
            self.cache
                .lock_file(&format!("{}.{}", self.owner.lock_prefix(), self.name));
        let mut work = Some(work);
        loop {
            // Users share the lock, so that nobody replaces what they use.
            let shared = lock(ui, &lock_path, FlockOperation::LockShared, &what)?;
            if let Some(made) = fresh(&dir, &inputs) {
                return Ok(Built {
                    dir,
                    made,
                    _lock: shared,
                });
            }
            drop(shared);
            let _exclusive = lock(ui, &lock_path, FlockOperation::LockExclusive, &what)?;
            if fresh(&dir, &inputs).is_some() {
                continue;
            }
            let Some(work) = work.take() else {
                bail!("{what}: another run with other inputs undoes our work; let it end first");
            };
            self.make(ui, privilege, &home, inputs.clone(), work)?;
        }
    }

    fn make(
        &self,
        ui: &Ui,
        privilege: &Privilege,
        home: &Path,
        inputs: BTreeMap<String, String>,
        work: impl FnOnce(&Work) -> Result<String>,
    ) -> Result<()> {
        let dir = home.join(self.name);
        let partial = home.join(format!("{}.partial", self.name));
        let old = home.join(format!("{}.old", self.name));
        let prefix = self.owner.lock_prefix();
        let busy = self
            .cache
            .lock_file(&format!("{prefix}.{}.busy", self.name));
        // What an interrupted run started may still be dying.
        drop(lock(
            ui,
            &busy,
            FlockOperation::LockExclusive,
            "what an interrupted run left",
        )?);
        privilege.remove_tree(&partial)?;
        privilege.remove_tree(&old)?;
        let tree = partial.join("tree");
        std::fs::create_dir_all(&tree)
            .with_context(|| format!("cannot make the folder {}", tree.display()))?;

        let activity = ui.begin(format!("{}: {}", self.owner, self.about));
        let log = Log::create(home.join("logs").join(format!("{}.log", self.name)))?;
        let means = Work {
            tree,
            log,
            activity: &activity,
            busy,
        };
        let result = work(&means).with_context(|| format!("{}: {}", self.owner, self.about))?;

        let stamp = Stamp {
            made: now_as_id(),
            inputs,
        };
        std::fs::write(partial.join("stamp.toml"), toml::to_string(&stamp)?)?;
        if dir.exists() {
            std::fs::rename(&dir, &old)?;
        }
        std::fs::rename(&partial, &dir)
            .with_context(|| format!("cannot rename to {}", dir.display()))?;
        privilege.remove_tree(&old)?;
        activity.done(&result);
        Ok(())
    }
}

fn fresh(dir: &Path, inputs: &BTreeMap<String, String>) -> Option<String> {
    let stamp = stamp(dir)?;
    (stamp.inputs == *inputs).then_some(stamp.made)
}

/// Which making the stage in this folder is.
pub fn made(dir: &Path) -> Option<String> {
    Some(stamp(dir)?.made)
}

fn stamp(dir: &Path) -> Option<Stamp> {
    let text = std::fs::read_to_string(dir.join("stamp.toml")).ok()?;
    toml::from_str(&text).ok()
}

/// A name that no two moments share.
pub fn now_as_id() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("{}.{:09}", now.as_secs(), now.subsec_nanos())
}

/// Writes a file so that readers see the old text or the new, never a part.
pub fn write_atomically(path: &Path, text: &str) -> Result<()> {
    let parent = path.parent().context("a file needs a folder")?;
    std::fs::create_dir_all(parent)?;
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
