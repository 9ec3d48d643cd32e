// SPDX-License-Identifier: GPL-2.0

//! Warm starts. modproof boots a guest once, loads the modules that take long to load, and saves
//! the waiting guest as a snapshot. A test then restores the guest, which gets fresh programs and
//! modules and continues with them.

mod handover;
mod machine;
mod pool;
mod qmp;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::accel::Accelerator;
use crate::cache::{entries, Built, Cache, Owner, Stage};
use crate::hex::hex;
use crate::provision::Ready;
use crate::qemu::{self, Running, COMMAND_LINE};
use crate::run::Privilege;
use crate::ui::Ui;
pub use handover::handover;
pub use pool::Pool;

/// The prefix of snapshots' folders in the cache.
pub const PREFIX: &str = "warm-";
/// Increment this if snapshots are made differently and no other input changes.
const LAYOUT: &str = "1";
/// How many snapshots of a kind to keep, as two checkouts may share a cache.
const KEPT: usize = 2;

/// The settings for making snapshots.
pub struct Snapshots<'a> {
    /// The cache that keeps the snapshots.
    pub cache: &'a Cache,
    /// Shows progress.
    pub ui: &'a Ui,
    /// How to get root's rights. Snapshots do not need them.
    pub privilege: &'a Privilege,
    /// The kernel's name.
    pub kernel: &'a str,
    /// The kernel, provisioned.
    pub ready: &'a Ready,
    /// The archive of the kernel's stock modules.
    pub stock_archive: &'a Path,
    /// The program that waits in a saved guest.
    pub waiter: &'a Path,
    /// The accelerator that runs the guest.
    pub accelerator: &'a Accelerator,
}

/// The error for a guest whose kernel complained before modproof could save it.
#[derive(Debug)]
pub struct Unsound(String);

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the guest to be saved is none to start from, its kernel complained:\n{}",
            self.0
        )
    }
}

impl std::error::Error for Unsound {}

/// A snapshot of a guest. While this exists, no process removes the snapshot.
pub struct Snapshot {
    name: String,
    built: Built,
}

impl Snapshots<'_> {
    /// Returns the snapshot of a guest with these stock modules. Makes it, unless one with equal
    /// inputs exists and is sound.
    pub fn ensure(&self, load: &[String]) -> Result<Snapshot> {
        let snapshot = self.ensure_some(load)?;
        let tree = snapshot.built.tree();
        let why = if !machine::is_sealed(&tree) {
            "the files of the saved guest were changed".to_owned()
        } else if machine::is_doubted(&tree) {
            "a guest came to grief after it was started from the saved one".to_owned()
        } else if let Err(error) = machine::expect_sound(&tree) {
            // An older judge accepted this snapshot.
            format!("{error:#}")
        } else {
            return Ok(snapshot);
        };
        self.ui.say(format!("{why}: making it anew"));
        let Snapshot { name, built } = snapshot;
        let id = built.id().to_owned();
        drop(built);
        self.discard(&name, &id)?;
        self.ensure_some(load)
    }

    fn ensure_some(&self, load: &[String]) -> Result<Snapshot> {
        let inputs = self.inputs(load)?;
        let kind = kind(load);
        let key = inputs.iter().map(|(k, v)| format!("{k}={v}\n"));
        let key = hex(&Sha256::digest(key.collect::<String>()));
        let name = format!("{kind}{}", &key[..12]);
        let about = match load {
            [] => "a booted guest to start from".to_owned(),
            _ => format!("a guest to start from, with {}", load.join(", ")),
        };
        let mut made = false;
        let built = Stage {
            cache: self.cache,
            owner: Owner::Kernel(self.kernel),
            name: &name,
            about: &about,
            inputs,
        }
        .ensure(self.ui, self.privilege, |work| {
            made = true;
            self.make(load, work)
        })?;
        if made {
            self.remove_older(&kind, &name)?;
        }
        Ok(Snapshot { name, built })
    }

    /// Restores a guest, which runs at once.
    pub fn resume(&self, snapshot: &Snapshot, handover: &[u8]) -> Result<Running> {
        machine::resume(
            &snapshot.built.tree(),
            &self.ready.image,
            self.accelerator,
            handover,
        )
    }

    /// Removes a bad snapshot after its last user. Does nothing if another run has replaced it.
    fn discard(&self, name: &str, id: &str) -> Result<()> {
        let _lock = self.cache.exclusive(self.ui, &self.lock_name(name))?;
        let folder = self.cache.kernel(self.kernel).join(name);
        if crate::cache::made(&folder).is_some_and(|made| made == id) {
            self.privilege.remove_tree(&folder)?;
        }
        Ok(())
    }

    /// All inputs that determine the contents of a snapshot, and whether it can be used.
    fn inputs(&self, load: &[String]) -> Result<Vec<(&'static str, String)>> {
        let waiter = std::fs::read(self.waiter)
            .with_context(|| format!("cannot read {}", self.waiter.display()))?;
        let words = machine::words(Path::new(""), "on");
        let words: Vec<_> = words.iter().map(|w| w.to_string_lossy()).collect();
        Ok(vec![
            ("layout", LAYOUT.to_owned()),
            // This covers the image and the stock modules.
            ("stock", self.ready.image_id.clone()),
            ("load", load.join(" ")),
            ("waiter", hex(&Sha256::digest(waiter))),
            ("command_line", COMMAND_LINE.to_owned()),
            ("qemu", qemu::version()?),
            ("machine", words.join(" ")),
            ("accelerator", self.accelerator.arguments().join(" ")),
            ("host", self.accelerator.host()),
        ])
    }

    /// Removes all but the newest snapshots of a kind. They are large, and easy to make again.
    fn remove_older(&self, kind: &str, newest: &str) -> Result<()> {
        let mut others: Vec<_> = all(self.cache, self.kernel)
            .into_iter()
            .filter(|folder| {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(kind) && name != newest
            })
            .filter_map(|folder| Some((crate::cache::made(&folder)?, folder)))
            .collect();
        others.sort();
        for (_, folder) in others.iter().rev().skip(KEPT - 1) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            // If another run uses this one, leave it to a later run.
            if let Some(_lock) = self.cache.try_exclusive(&self.lock_name(&name))? {
                self.privilege.remove_tree(folder)?;
            }
        }
        Ok(())
    }

    fn lock_name(&self, name: &str) -> String {
        format!("{}.{name}", self.kernel)
    }
}

impl Snapshot {
    /// The ID of this snapshot.
    pub fn id(&self) -> &str {
        self.built.id()
    }

    /// Marks the snapshot, because a boot from it failed outside of its cases. The snapshot may be
    /// broken, so the next run replaces it.
    pub fn doubt(&self) -> Result<()> {
        machine::doubt(&self.built.tree())
    }
}

/// The name of snapshots with these modules, without the key.
fn kind(load: &[String]) -> String {
    let name = if load.is_empty() {
        "plain".to_owned()
    } else {
        load.join("+")
    };
    format!("{PREFIX}{name}-")
}

/// All snapshots of a kernel.
pub fn all(cache: &Cache, kernel: &str) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(PREFIX)
    };
    let found = entries(&cache.kernel(kernel)).into_iter();
    found.filter(is_one).collect()
}

/// All snapshots of a kernel, and whether each is the newest of its kind. An incomplete snapshot
/// never counts as the newest.
pub fn newest_of_kind(cache: &Cache, kernel: &str) -> Vec<(PathBuf, bool)> {
    let kind_of = |folder: &Path| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let kind = name.rsplit_once('-').map(|(kind, _)| kind.to_owned());
        kind.unwrap_or_default()
    };
    let found = all(cache, kernel);
    let is_newest = |folder: &PathBuf| {
        let made = crate::cache::made(folder);
        let alike = found.iter().filter(|f| kind_of(f) == kind_of(folder));
        made.is_some() && alike.map(|f| crate::cache::made(f)).max() == Some(made)
    };
    let rows = found.iter().map(|f| (f.clone(), is_newest(f)));
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_kind_one_is_the_newest() {
        let root = tempfile::tempdir().expect("a folder");
        let cache = Cache::at(root.path());
        for (name, made) in [
            ("warm-plain-aaa", Some("2")),
            ("warm-plain-bbb", Some("1")),
            ("warm-plain-ccc.partial", None),
            ("warm-crc16-aaa", Some("1")),
            ("warm-lone-ddd.partial", None),
            ("stock", Some("9")),
        ] {
            let folder = cache.kernel("k").join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            if let Some(made) = made {
                let stamp = format!("made = \"{made}\"\n[inputs]\n");
                std::fs::write(folder.join("stamp.toml"), stamp).expect("a stamp");
            }
        }
        let newest = newest_of_kind(&cache, "k").into_iter();
        let seen: Vec<_> = newest
            .map(|(f, newest)| (f.file_name().unwrap_or_default().to_owned(), newest))
            .collect();
        let expected = [
            ("warm-crc16-aaa", true),
            ("warm-lone-ddd.partial", false),
            ("warm-plain-aaa", true),
            ("warm-plain-bbb", false),
            ("warm-plain-ccc.partial", false),
        ];
        assert_eq!(seen, expected.map(|(name, newest)| (name.into(), newest)));
    }
}
