// SPDX-License-Identifier: GPL-2.0

//! Stages: folders with the result of one step, either complete or absent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{bail, Context, Result};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::{lock, Cache, LockGuard, Owner};
use crate::run::{Log, Privilege};
use crate::ui::{Activity, Ui};

/// The inputs of a stage, in a file inside its folder.
#[derive(Debug, Deserialize, Serialize)]
struct Stamp {
    /// The time at which this stage was made. It differs between two runs with equal inputs.
    made: String,
    inputs: BTreeMap<String, String>,
}

/// A complete stage. While this exists, no process replaces the stage.
#[derive(Debug)]
pub struct Built {
    dir: PathBuf,
    made: String,
    _lock: LockGuard,
}

impl Built {
    /// The folder with the files that the stage made.
    pub fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// The ID of this build of the stage, an input to later stages.
    pub fn id(&self) -> &str {
        &self.made
    }
}

/// The environment for the work of a stage.
pub struct Work<'a> {
    /// The empty folder to fill.
    pub tree: PathBuf,
    /// The log of the work's output.
    pub log: Log,
    /// The progress line.
    pub activity: &'a Activity,
    /// The lock file for privileged commands; see [`Privilege::contained`].
    pub busy: PathBuf,
}

/// A step of provisioning, whose result is a folder in the cache.
pub struct Stage<'a> {
    /// The cache that holds the folder.
    pub cache: &'a Cache,
    /// The kernel or the build root that owns the stage.
    pub owner: Owner<'a>,
    /// The name of the folder.
    pub name: &'a str,
    /// The description that the user sees during the work.
    pub about: &'a str,
    /// The inputs. The stage is made again if one of them changes.
    pub inputs: Vec<(&'a str, String)>,
}

impl Stage<'_> {
    /// Makes the stage, unless it exists and has equal inputs.
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
            // Users hold a shared lock, so no process replaces a stage in use.
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
        // A program that an interrupted run started may still be ending.
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

/// The ID of the stage in this folder.
pub fn made(dir: &Path) -> Option<String> {
    Some(stamp(dir)?.made)
}

fn stamp(dir: &Path) -> Option<Stamp> {
    let text = std::fs::read_to_string(dir.join("stamp.toml")).ok()?;
    toml::from_str(&text).ok()
}

/// The current time as a name that no other moment has.
pub fn now_as_id() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("{}.{:09}", now.as_secs(), now.subsec_nanos())
}

/// Replaces a file atomically: readers see the old text or the new text.
pub fn write_atomically(path: &Path, text: &str) -> Result<()> {
    let parent = path.parent().context("a file needs a folder")?;
    std::fs::create_dir_all(parent)?;
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
