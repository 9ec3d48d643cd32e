// SPDX-License-Identifier: GPL-2.0

//! Building what the guest's first process is, with the host's toolchain.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{ensure, Context, Result};
use modproof_formats::Listing;

use crate::cargo::Cargo;
use crate::run::{self, Log};
use crate::ui::Ui;

/// The guest has no C library, so it is linked in.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The guest's programs.
pub struct Programs {
    /// What runs the cases.
    pub init: PathBuf,
    /// What waits for it in a guest that is kept in a snapshot.
    pub waiter: PathBuf,
}

/// Brings the guest's programs up to date.
pub fn build(cargo: &Cargo, ui: &Ui) -> Result<Programs> {
    let [init, waiter] = build_package(cargo, ui, "guest-init", ["guest-init", "guest-wait"])?;
    Ok(Programs { init, waiter })
}

/// Brings the command rdna1ctl up to date.
pub fn build_rdna1ctl(cargo: &Cargo, ui: &Ui) -> Result<PathBuf> {
    let [rdna1ctl] = build_package(cargo, ui, "rdna1ctl", ["rdna1ctl"])?;
    Ok(rdna1ctl)
}

fn build_package<const N: usize>(
    cargo: &Cargo,
    ui: &Ui,
    package: &str,
    programs: [&str; N],
) -> Result<[PathBuf; N]> {
    let activity = ui.begin(format!("build: {package}"));
    std::fs::create_dir_all(cargo.target())?;
    let log = Log::create(cargo.target().join(format!("{package}.log")))?;
    let mut command = cargo.command();
    command
        .args(["build", "--locked", "--release", "--package", package])
        .args(["--target", TARGET])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run::logged(&mut command, &log, Some(&activity))
        .with_context(|| format!("building {package}"))?;
    let folder = cargo.target().join(TARGET).join("release");
    let built = programs.map(|name| folder.join(name));
    for program in &built {
        ensure!(program.exists(), "cargo made no {}", program.display());
    }
    activity.done("");
    Ok(built)
}

impl Programs {
    /// What the guest can be asked for, as its program says.
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
