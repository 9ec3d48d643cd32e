// SPDX-License-Identifier: GPL-2.0

//! How cargo is run: with a target folder that belongs to one checkout alone.
//!
//! cargo tells the packages of two checkouts of one workspace apart by nothing
//! but the times of their files. Sharing a target folder, one would be given
//! what was built from the other.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::Cache;

/// cargo for one checkout.
pub struct Cargo {
    repo: PathBuf,
    target: PathBuf,
    cache: PathBuf,
}

impl Cargo {
    /// Takes the target folder that the Makefile names; else cargo's own, in
    /// the checkout.
    pub fn new(repo: &Path, cache: &Cache) -> Self {
        let named = std::env::var_os("CARGO_TARGET_DIR").filter(|v| !v.is_empty());
        Self {
            repo: repo.to_owned(),
            // A relative one counts from where cargo runs.
            target: repo.join(named.map_or_else(|| "target".into(), PathBuf::from)),
            cache: cache.root().to_owned(),
        }
    }

    /// Where it puts what it builds.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// A script of the checkout, to run there.
    pub fn script(&self, path: &str) -> Command {
        let mut command = Command::new(self.repo.join(path));
        command
            .current_dir(&self.repo)
            .env("RDNA1_CACHE", &self.cache)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// The cargo that runs us, or the one in `PATH`, to run in the checkout.
    pub fn command(&self) -> Command {
        let program = std::env::var_os("CARGO").filter(|v| !v.is_empty());
        let mut command = Command::new(program.unwrap_or_else(|| "cargo".into()));
        command
            .current_dir(&self.repo)
            .env("CARGO_TARGET_DIR", &self.target);
        // Build scripts run in other folders, where a relative path is wrong.
        // An absolute one is left as it is: any change of it means to rebuild.
        let named = std::env::var_os("RDNA1_CACHE").map(PathBuf::from);
        if !named.is_some_and(|path| path.is_absolute()) {
            command.env("RDNA1_CACHE", &self.cache);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cargo(repo: &str) -> Cargo {
        Cargo {
            repo: repo.into(),
            target: Path::new(repo).join("target"),
            cache: "/cache".into(),
        }
    }

    /// What runs is of the checkout asked for, not of the one we come from.
    #[test]
    fn each_checkout_has_its_own_target_folder() {
        let command = cargo("/elsewhere").command();
        assert_eq!(command.get_current_dir(), Some(Path::new("/elsewhere")));
        let target = command.get_envs().find(|(k, _)| *k == "CARGO_TARGET_DIR");
        let (_, folder) = target.expect("a target folder");
        assert_eq!(folder, Some("/elsewhere/target".as_ref()));
    }
}
