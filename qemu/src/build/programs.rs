// SPDX-License-Identifier: GPL-2.0

//! The programs of guests. cargo builds them in the project's workspace with the host's toolchain;
//! a project without a guest package uses the installed ones.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Context, Result};
use modproof_formats::Listing;

use super::elf;
use crate::cargo::Cargo;
use crate::run::{self, Log};
use crate::ui::Ui;

/// The target. Programs are linked statically, as the guest has no C library.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The names of the guest programs that are installed beside modproof.
const INSTALLED: [&str; 2] = ["modproof-guest", "modproof-wait"];

/// The programs that can be a guest's first process.
pub struct Programs {
    /// The program that runs the cases. It is the guest's first process in a cold boot.
    pub init: PathBuf,
    /// The first process of a guest that is saved as a snapshot. It waits for `init`.
    pub waiter: PathBuf,
}

/// Builds the programs of the project's own guest package: NAME runs cases and NAME-wait waits.
/// Without a package, returns the installed programs.
pub fn build(cargo: &Cargo, ui: &Ui, package: Option<&str>) -> Result<Programs> {
    let Some(package) = package else {
        let ours = std::env::current_exe().context("this program is gone")?;
        let beside = ours.parent().unwrap_or(Path::new("/"));
        let [init, waiter] = INSTALLED.map(|name| beside.join(name));
        for program in [&init, &waiter] {
            ensure!(
                program.is_file(),
                "{} is not there: it is installed with this program (cargo install)",
                program.display()
            );
            elf::expect_static(program)?;
        }
        return Ok(Programs { init, waiter });
    };
    let folder = build_package(cargo, ui, package)?;
    let waiter = format!("{package}-wait");
    Ok(Programs {
        init: built(&folder, package)?,
        waiter: built(&folder, &waiter)?,
    })
}

/// Builds the program `name` of a package for guests.
pub fn build_program(cargo: &Cargo, ui: &Ui, package: &str, name: &str) -> Result<PathBuf> {
    built(&build_package(cargo, ui, package)?, name)
}

fn built(folder: &Path, name: &str) -> Result<PathBuf> {
    let program = folder.join(name);
    ensure!(program.exists(), "cargo made no {}", program.display());
    Ok(program)
}

fn build_package(cargo: &Cargo, ui: &Ui, package: &str) -> Result<PathBuf> {
    let activity = ui.begin(format!("build: {package}"));
    std::fs::create_dir_all(cargo.target()).with_context(|| {
        let target = cargo.target().display();
        format!("cannot make {target}: name another folder with CARGO_TARGET_DIR")
    })?;
    let log = Log::create(cargo.target().join(format!("{package}.log")))?;
    let mut command = cargo.command();
    command
        .args(["build", "--locked", "--release", "--package", package])
        .args(["--target", TARGET])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        // After a change of one file of a large program this is ten times quicker.
        .env("CARGO_INCREMENTAL", "1")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run::logged(&mut command, &log, Some(&activity))
        .with_context(|| format!("building {package}"))?;
    activity.done("");
    Ok(cargo.target().join(TARGET).join("release"))
}

impl Programs {
    /// Runs the guest program with `--list`, which prints its suites, cases and lists.
    pub fn list(&self) -> Result<Listing> {
        let shown = self.init.display();
        let output = Command::new(&self.init)
            .arg(Listing::ARGUMENT)
            .output()
            .with_context(|| format!("cannot start {shown}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{shown}: {}", said.trim());
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("what {shown} lists cannot be read"))
    }
}
