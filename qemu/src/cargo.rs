// SPDX-License-Identifier: GPL-2.0

//! How cargo is run: with a target folder that belongs to one workspace alone.
//!
//! cargo tells the packages of two checkouts of one workspace apart by nothing
//! but the times of their files. Sharing a target folder, one would be given
//! what was built from the other.

use std::path::{Path, PathBuf};
use std::process::Command;

/// cargo for one checkout.
pub struct Cargo {
    workspace: PathBuf,
    target: PathBuf,
}

impl Cargo {
    /// Takes the target folder that the environment names; else cargo's own, in the workspace.
    pub fn new(workspace: &Path) -> Self {
        let named = std::env::var_os("CARGO_TARGET_DIR").filter(|v| !v.is_empty());
        Self {
            workspace: workspace.to_owned(),
            // A relative one counts from where cargo runs.
            target: workspace.join(named.map_or_else(|| "target".into(), PathBuf::from)),
        }
    }

    /// Where it puts what it builds.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// A script of the workspace, to run there.
    pub fn script(&self, path: &str) -> Command {
        let mut command = Command::new(self.workspace.join(path));
        command
            .current_dir(&self.workspace)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// The cargo that runs us, or the one in `PATH`, to run in the checkout.
    pub fn command(&self) -> Command {
        let program = std::env::var_os("CARGO").filter(|v| !v.is_empty());
        let mut command = Command::new(program.unwrap_or_else(|| "cargo".into()));
        command
            .current_dir(&self.workspace)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cargo(repo: &str) -> Cargo {
        Cargo {
            workspace: repo.into(),
            target: Path::new(repo).join("target"),
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
