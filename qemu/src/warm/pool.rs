// SPDX-License-Identifier: GPL-2.0

//! The snapshots of one run of modproof, which its parallel guests share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Error, Result};

use super::{Snapshot, Snapshots, Unsound};
use crate::qemu::Running;
use crate::suites::Suite;

/// The snapshots in use, by the stock modules that they have loaded.
pub struct Pool<'a> {
    snapshots: Snapshots<'a>,
    used: Mutex<HashMap<Vec<String>, Used>>,
    failed: Mutex<Vec<Vec<String>>>,
}

struct Used {
    snapshot: Arc<Snapshot>,
    /// Whether this run has replaced the snapshot. If the new one fails, the cause is elsewhere.
    made_anew: bool,
}

/// A restored guest, with its snapshot, which must stay until the guest ends.
pub struct Resumed {
    /// The guest.
    pub running: Running,
    /// Its snapshot.
    pub snapshot: Arc<Snapshot>,
}

impl<'a> Pool<'a> {
    /// An empty pool. It makes a snapshot when a guest first needs it.
    pub fn new(snapshots: Snapshots<'a>) -> Self {
        Self {
            snapshots,
            used: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// Whether a snapshot exists, or can be made, for this suite. If making it fails, prints why,
    /// and the suite boots cold. If the kernel complained, returns an error, as a cold boot would
    /// hide the complaint.
    pub fn can_start(&self, suite: &Suite) -> Result<bool> {
        let Some(load) = &suite.warm else {
            return Ok(false);
        };
        if self.failed().contains(load) {
            return Ok(false);
        }
        let Err(error) = self.get(load) else {
            return Ok(true);
        };
        let why = may_boot_instead(error)?;
        self.snapshots
            .ui
            .say(format!("no guest to start from, so all are booted: {why}"));
        self.failed().push(load.clone());
        Ok(false)
    }

    fn failed(&self) -> MutexGuard<'_, Vec<Vec<String>>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshot with these modules. Makes it if necessary.
    pub fn get(&self, load: &[String]) -> Result<Arc<Snapshot>> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = used.get(load) {
            return Ok(known.snapshot.clone());
        }
        let snapshot = Arc::new(self.snapshots.ensure(load)?);
        let entry = Used {
            snapshot: snapshot.clone(),
            made_anew: false,
        };
        used.insert(load.to_vec(), entry);
        Ok(snapshot)
    }

    /// Restores a guest. If that fails, replaces the snapshot and tries again.
    pub fn resume(&self, load: &[String], handover: &[u8]) -> Result<Resumed> {
        let snapshot = self.get(load)?;
        match self.snapshots.resume(&snapshot, handover) {
            Ok(running) => Ok(Resumed { running, snapshot }),
            Err(error) => {
                let snapshot = self.replace(load, snapshot, &format!("{error:#}"))?;
                let running = self.snapshots.resume(&snapshot, handover);
                let running = running.context("restoring a guest that was saved just now")?;
                Ok(Resumed { running, snapshot })
            }
        }
    }

    /// Replaces a bad snapshot, once, and prints why.
    pub fn replace(&self, load: &[String], bad: Arc<Snapshot>, why: &str) -> Result<Arc<Snapshot>> {
        let bad_id = bad.id().to_owned();
        // The removal waits until no guest uses the snapshot, so release our own reference first.
        drop(bad);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = used.get(load) {
            if known.snapshot.id() != bad_id {
                return Ok(known.snapshot.clone());
            }
            if known.made_anew {
                anyhow::bail!("a guest that was saved just now cannot go on: {why}");
            }
        }
        let ui = self.snapshots.ui;
        ui.say(format!(
            "the saved guest cannot go on, making it anew: {why}"
        ));
        if let Some(Used { snapshot, .. }) = used.remove(load) {
            let name = snapshot.name.clone();
            drop(snapshot);
            self.snapshots.discard(&name, &bad_id)?;
        }
        let snapshot = Arc::new(self.snapshots.ensure(load)?);
        let entry = Used {
            snapshot: snapshot.clone(),
            made_anew: true,
        };
        used.insert(load.to_vec(), entry);
        Ok(snapshot)
    }
}

/// Returns the reason to boot cold. Passes on an error that must fail the suite.
fn may_boot_instead(error: Error) -> Result<String> {
    match error.is::<Unsound>() {
        true => Err(error),
        false => Ok(format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_kernel_that_complained_is_not_booted_instead() {
        let other = anyhow!("no memory file").context("saving the guest");
        assert!(may_boot_instead(other).is_ok());
        // The cache's stage adds such a context.
        let unsound = Error::from(Unsound("oops: x".to_owned())).context("k: a guest");
        let error = may_boot_instead(unsound).expect_err("it complained");
        assert!(format!("{error:#}").contains("oops: x"), "{error:#}");
    }
}
