// SPDX-License-Identifier: GPL-2.0

//! Tests the portable archive of rdna1ctl on several Debian releases, and without any library.

use std::path::Path;

use anyhow::{Context, Result};

use super::build::PORTABLE;
use super::trial::judge;
use modproof::cache::{now_as_id, Built, Owner, Stage};
use modproof::provision::{root, Chroot, Provision};
use modproof::tally::Outcome;

/// The script that runs in each root, relative to the repository.
const SCRIPT: &str = "packaging/portable.sh";
/// The tested releases, the oldest first.
pub const RELEASES: [&str; 4] = ["bullseye", "bookworm", "trixie", "sid"];

/// Runs the script in a root of that release with nothing but apt.
pub fn run(repo: &Path, provision: &Provision, made: &Built, release: &str) -> Result<Outcome> {
    let root = root::ensure_release(provision, release, "clean")?;
    let path = repo.join(SCRIPT);
    let script = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Root(release),
        name: "portable",
        about: "rdna1ctl alone",
        inputs: vec![("run", now_as_id())],
    };
    let mut outcome = Outcome::default();
    stage.ensure(provision.ui, provision.privilege, |work| {
        let ran = Chroot::new(provision.privilege, root.tree(), &work.busy)
            .read_only(made.tree().join(PORTABLE), "portable")
            .sh(&script, &work.log, Some(work.activity));
        outcome = judge(&work.log.text());
        outcome.log = Some(work.log.path().to_owned());
        ran.with_context(|| format!("after {}", outcome.tally))?;
        Ok(outcome.tally.to_string())
    })?;
    Ok(outcome)
}
