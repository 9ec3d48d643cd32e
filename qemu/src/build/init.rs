// SPDX-License-Identifier: GPL-2.0

//! Building the guest's first process with the host's toolchain.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Builder;
use crate::run::{self, Log};

/// The guest has no C library, so it is linked in.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Brings `guest-init` up to date and gives its path.
pub fn build(builder: &Builder) -> Result<PathBuf> {
    let activity = builder.ui.begin("build: guest-init");
    let log = Log::create(builder.log_path("guest-init"))?;
    let mut command = builder.cargo.command();
    command
        .args(["build", "--locked", "--release"])
        .args(["--package", "guest-init", "--target", TARGET])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run::logged(&mut command, &log, Some(&activity)).context("building guest-init")?;
    let program = builder.cargo.target().join(TARGET);
    let program = program.join("release/guest-init");
    std::fs::metadata(&program).with_context(|| format!("cargo made no {}", program.display()))?;
    activity.done("");
    Ok(program)
}
