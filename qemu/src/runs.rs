// SPDX-License-Identifier: GPL-2.0

//! The folders with the logs and the report of each run, in the cache's `runs`. Each run has its
//! own folder, so runs never overwrite each other. The link `latest` leads to the newest folder.
//! modproof removes old folders itself.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{flock, FlockOperation};

use crate::cache::{entries, now_as_id, write_atomically, Cache};

/// How many folders to keep, with the current one. More would fill the disk: a guest that failed
/// leaves its kernel and initramfs.
const KEPT: usize = 5;

/// The name of the link to the newest folder.
const LATEST: &str = "latest";

/// The folder of a current run. While this exists, no process removes the folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _held: File,
}

impl RunFolder {
    /// Begins a run.
    pub fn begin(cache: &Cache) -> Result<Self> {
        let runs = runs(cache);
        // The name begins with the time, so that names sort by age.
        let name = format!("{}.{}", now_as_id(), std::process::id());
        let path = runs.join(&name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
        let held = File::open(&path)?;
        flock(&held, FlockOperation::NonBlockingLockExclusive)
            .with_context(|| format!("cannot lock {}", path.display()))?;
        let link = runs.join(format!(".{LATEST}.{name}"));
        symlink(&name, &link)
            .and_then(|()| std::fs::rename(&link, runs.join(LATEST)))
            .with_context(|| format!("cannot name the newest run in {}", runs.display()))?;
        remove_old(&runs);
        Ok(Self { path, _held: held })
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// How many seconds the last boot of that name took.
pub fn took(cache: &Cache, boot: &str) -> Option<u64> {
    std::fs::read_to_string(took_path(cache, boot))
        .ok()?
        .parse()
        .ok()
}

/// Records how many seconds a boot took.
pub fn note_took(cache: &Cache, boot: &str, seconds: u64) -> Result<()> {
    write_atomically(&took_path(cache, boot), &seconds.to_string())
}

fn took_path(cache: &Cache, boot: &str) -> PathBuf {
    runs(cache).join("took").join(boot.replace('/', "."))
}

fn runs(cache: &Cache) -> PathBuf {
    cache.root().join("runs")
}

/// Removes the oldest folders that no run uses. Ignores errors, as a new run can start without it.
fn remove_old(runs: &Path) {
    let is_run = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_digit()))
    };
    let found: Vec<_> = entries(runs).into_iter().filter(is_run).collect();
    for old in found.iter().rev().skip(KEPT) {
        let held = File::open(old)
            .is_ok_and(|folder| flock(&folder, FlockOperation::NonBlockingLockExclusive).is_err());
        if !held {
            let _ = std::fs::remove_dir_all(old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_has_a_folder_and_old_ones_go_but_for_those_that_go_on() {
        let root = tempfile::tempdir().expect("a folder");
        let cache = Cache::at(root.path());
        let first = RunFolder::begin(&cache).expect("a run");
        let log = first.path().join("log");
        std::fs::write(&log, "the first").expect("a file");
        let second = RunFolder::begin(&cache).expect("a run").path().to_owned();
        assert_ne!(first.path(), second);
        note_took(&cache, "suite/case", 7).expect("noted");
        for _ in 0..KEPT {
            RunFolder::begin(&cache).expect("a run");
        }
        let newest = RunFolder::begin(&cache).expect("a run");
        assert!(log.exists(), "a run that goes on was removed");
        assert!(!second.exists(), "an old run stays");
        let latest = runs(&cache).join(LATEST).canonicalize().expect("a link");
        assert_eq!(latest, newest.path().canonicalize().expect("a folder"));
        drop(first);
        RunFolder::begin(&cache).expect("a run");
        assert!(!log.exists(), "an old run stays");
        assert_eq!(took(&cache, "suite/case"), Some(7));
        assert_eq!(took(&cache, "suite/other"), None);
        let runs = std::fs::read_dir(runs(&cache)).expect("a folder").count();
        assert_eq!(runs, KEPT + 2, "the runs, the link and the times");
    }
}
