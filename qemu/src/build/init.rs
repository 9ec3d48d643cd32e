// SPDX-License-Identifier: GPL-2.0

//! Building what the guest's first process is, with the host's toolchain.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{ensure, Context, Result};
use harness_formats::Listing;

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
    /// The command rdna1ctl.
    pub rdna1ctl: PathBuf,
}

/// Brings the guest's programs up to date.
pub fn build(cargo: &Cargo, ui: &Ui) -> Result<Programs> {
    let activity = ui.begin("build: guest-init, rdna1ctl");
    let log = Log::create(cargo.target().join("guest-init.log"))?;
    let mut command = cargo.command();
    command
        .args(["build", "--locked", "--release"])
        .args(["--package", "guest-init", "--package", "rdna1ctl"])
        .args(["--target", TARGET])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run::logged(&mut command, &log, Some(&activity)).context("building guest-init and rdna1ctl")?;
    let folder = cargo.target().join(TARGET).join("release");
    let program = |name| {
        let program = folder.join(name);
        std::fs::metadata(&program)
            .with_context(|| format!("cargo made no {}", program.display()))?;
        Ok::<_, anyhow::Error>(program)
    };
    let programs = Programs {
        init: program("guest-init")?,
        waiter: program("guest-wait")?,
        rdna1ctl: program("rdna1ctl")?,
    };
    activity.done("");
    Ok(programs)
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
