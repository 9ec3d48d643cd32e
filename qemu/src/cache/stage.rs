// SPDX-License-Identifier: GPL-2.0

//! The stages: folders that are whole, or not there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{bail, Context, Result};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::{lock, Cache, LockGuard, Owner};
use crate::run::{Log, Privilege};
use crate::ui::{Activity, Ui};

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
