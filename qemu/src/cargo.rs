// SPDX-License-Identifier: GPL-2.0

//! Runs cargo with a target folder that only one checkout uses.
//!
//! Two checkouts of a workspace have the same packages, and cargo tells these apart only by the
//! times of their files. With a shared target folder, one checkout would get the other's builds.

use std::path::{Path, PathBuf};
use std::process::Command;

/// cargo in one checkout.
pub struct Cargo {
    workspace: PathBuf,
    target: PathBuf,
}

impl Cargo {
    /// Uses the target folder that `CARGO_TARGET_DIR` names, or else `target` in the workspace.
    pub fn new(workspace: &Path) -> Self {
        let named = std::env::var_os("CARGO_TARGET_DIR").filter(|v| !v.is_empty());
        Self {
            workspace: workspace.to_owned(),
            // A relative path counts from the folder in which cargo runs.
            target: workspace.join(named.map_or_else(|| "target".into(), PathBuf::from)),
        }
    }

    /// The target folder.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// A command that runs a script of the workspace, in the workspace.
    pub fn script(&self, path: &str) -> Command {
        let mut command = Command::new(self.workspace.join(path));
        command
            .current_dir(&self.workspace)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// A command that runs cargo in the workspace: the cargo that started this program, or else the
    /// one in `PATH`.
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

    /// The command runs in the given checkout, not in the checkout of this test.
    #[test]
    fn each_checkout_has_its_own_target_folder() {
        let command = cargo("/elsewhere").command();
        assert_eq!(command.get_current_dir(), Some(Path::new("/elsewhere")));
        let target = command.get_envs().find(|(k, _)| *k == "CARGO_TARGET_DIR");
        let (_, folder) = target.expect("a target folder");
        assert_eq!(folder, Some("/elsewhere/target".as_ref()));
    }
}
