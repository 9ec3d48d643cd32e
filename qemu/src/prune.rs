// SPDX-License-Identifier: GPL-2.0

//! `prune`: shows the contents of the cache, and removes what the project no longer needs.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cache::{entries, Cache, LockGuard, Owner, KERNELS, ROOTS};
use crate::context::Context;
use crate::run;
use crate::warm;

/// The file that names the checkout of a target folder. The Makefile writes it.
const CHECKOUT: &str = "checkout";

/// The prefix of the cache folders in which modproof's own checks work.
pub const WORK: &str = "check-harness.";
/// The lock that such a check holds while it runs.
pub const WORK_LOCK: &str = "harness";

/// Shows the contents of the cache. With `yes`, removes everything that nobody needs.
pub fn run(context: &Context, yes: bool) -> Result<()> {
    let cache = &context.cache;
    println!("cache: {}", cache.root().display());
    let mut useless = Vec::new();
    // A folder that nobody needs has a reason, which appears beside it.
    let mut show = |folder: PathBuf, why: Option<&str>| {
        let remark = why.map(|why| format!("  {why}")).unwrap_or_default();
        let shown = folder.strip_prefix(cache.root()).unwrap_or(&folder);
        println!("{:>7}  {}{remark}", size(&folder), shown.display());
        if why.is_some() {
            useless.push(folder);
        }
    };
    let unnamed = |named: bool| (!named).then_some("not in the project");
    for name in cache.held(ROOTS) {
        let named = context.kernels().root_names().any(|n| n == name);
        show(cache.home(Owner::Root(&name)), unnamed(named));
    }
    for name in cache.held(KERNELS) {
        let named = context.kernels().names().any(|n| n == name);
        show(cache.home(Owner::Kernel(&name)), unnamed(named));
        // The snapshots of a kernel that the project does not name go with its folder.
        let saved = warm::newest_of_kind(cache, &name);
        let whole = saved.into_iter().filter(|(f, _)| stage_of(f).is_none());
        for (snapshot, is_newest) in whole.filter(|_| named) {
            show(snapshot, (!is_newest).then_some("an older saved guest"));
        }
    }
    let LeftBehind { folders, held } = LeftBehind::find(cache)?;
    for folder in folders {
        show(folder, Some("left by a run that was killed"));
    }
    for (folder, checkout) in targets(cache) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let in_use = checkout.as_ref().is_some_and(|folder| folder.is_dir());
        let whose = match checkout {
            Some(checkout) if in_use => format!("of {}", checkout.display()),
            Some(checkout) => format!("of {}, no checkout now", checkout.display()),
            None => "of no checkout".to_owned(),
        };
        println!("{:>7}  cargo-target/{name}  {whose}", size(&folder));
        if !in_use {
            useless.push(folder);
        }
    }
    for other in ["metadata", "runs"] {
        let folder = cache.root().join(other);
        if folder.exists() {
            println!("{:>7}  {other}", size(&folder));
        }
    }
    if useless.is_empty() {
        println!("nothing to prune");
    } else if yes {
        context.privilege.obtain()?;
        for folder in useless {
            context.privilege.remove_tree(&folder)?;
            println!("removed {}", folder.display());
        }
    } else {
        println!("`prune --yes` removes what is not needed");
    }
    drop(held);
    Ok(())
}

/// The folders that killed runs left. The locks here keep other runs from working on them.
#[derive(Default)]
struct LeftBehind {
    folders: Vec<PathBuf>,
    held: Vec<LockGuard>,
}

impl LeftBehind {
    fn find(cache: &Cache) -> Result<Self> {
        let mut left = Self::default();
        let (kernels, roots) = (cache.held(KERNELS), cache.held(ROOTS));
        let kernels = kernels.iter().map(|name| Owner::Kernel(name));
        for owner in kernels.chain(roots.iter().map(|name| Owner::Root(name))) {
            for folder in entries(&cache.home(owner)) {
                let Some(stage) = stage_of(&folder) else {
                    continue;
                };
                let lock = format!("{}.{stage}", owner.lock_prefix());
                // A child process may survive its killed run for a moment.
                left.add(cache, &[&lock, &format!("{lock}.busy")], [folder])?;
            }
        }
        // Only one run at a time works on these.
        let checks = entries(cache.root()).into_iter();
        let checks = checks.filter(|folder| name(folder).starts_with(WORK));
        left.add(cache, &[WORK_LOCK], checks)?;
        Ok(left)
    }

    /// Adds folders, unless another process holds one of the locks.
    fn add(
        &mut self,
        cache: &Cache,
        locks: &[&str],
        folders: impl IntoIterator<Item = PathBuf>,
    ) -> Result<()> {
        let mut held = Vec::new();
        for lock in locks {
            let Some(lock) = cache.try_exclusive(lock)? else {
                return Ok(());
            };
            held.push(lock);
        }
        let before = self.folders.len();
        self.folders.extend(folders);
        if self.folders.len() > before {
            self.held.extend(held);
        }
        Ok(())
    }
}

/// The stage whose incomplete or old copy the folder is.
fn stage_of(folder: &Path) -> Option<String> {
    let name = name(folder);
    let stage = name.strip_suffix(".partial").or(name.strip_suffix(".old"));
    stage.map(str::to_owned)
}

fn name(folder: &Path) -> Cow<'_, str> {
    folder.file_name().unwrap_or_default().to_string_lossy()
}

/// The folders in `cargo-target`, each with the checkout that it names.
fn targets(cache: &Cache) -> Vec<(PathBuf, Option<PathBuf>)> {
    let folders = entries(&cache.root().join("cargo-target"));
    let found = folders.into_iter().map(|folder| {
        let named = std::fs::read_to_string(folder.join(CHECKOUT));
        let checkout = named.ok().map(|text| text.trim_end().into());
        (folder, checkout)
    });
    found.collect()
}

fn size(path: &Path) -> String {
    let counted = run::output(std::process::Command::new("du").arg("-sh").arg(path));
    let text = counted.unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_works_on_is_left_behind() {
        let root = tempfile::tempdir().expect("a folder");
        let cache = Cache::at(root.path());
        for folder in [
            "check-harness.a1",
            "check-harness.b2",
            "kernels/k/source.partial",
            "kernels/k/source",
            "kernels/k/warm-plain-a.partial",
            "roots/r/root.old",
            "runs/a.partial",
        ] {
            std::fs::create_dir_all(root.path().join(folder)).expect("a folder");
        }
        let found = || {
            let left = LeftBehind::find(&cache).expect("folders");
            let shown = left.folders.iter().map(|folder| {
                let shown = folder.strip_prefix(root.path()).expect("one of the cache");
                shown.display().to_string()
            });
            shown.collect::<Vec<_>>()
        };
        let all = [
            "kernels/k/source.partial",
            "kernels/k/warm-plain-a.partial",
            "roots/r/root.old",
            "check-harness.a1",
            "check-harness.b2",
        ];
        assert_eq!(found(), all);
        let held = ["harness", "k.source.busy", "root.r.root"]
            .map(|lock| cache.try_exclusive(lock).expect("a lock").expect("free"));
        assert_eq!(found(), all[1..2]);
        drop(held);
        assert_eq!(found(), all);
    }
}
