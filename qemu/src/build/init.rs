//! Building the guest's first process with the host's toolchain.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::Builder;
use crate::run::{self, Log};

/// The guest has no C library, so it is linked in.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Brings `guest-init` up to date and gives its path.
pub fn build(builder: &Builder) -> Result<PathBuf> {
    let activity = builder.ui.begin("build: guest-init");
    let log = Log::create(builder.log_path("guest-init"))?;
    let target_dir = builder.cache.root().join("cargo-target");
    let mut command = cargo();
    command
        .current_dir(builder.repo)
        .args(["build", "--release", "--package", "guest-init"])
        .args(["--target", TARGET])
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run::logged(&mut command, &log, Some(&activity)).context("building guest-init")?;
    let program = target_dir.join(TARGET).join("release/guest-init");
    std::fs::metadata(&program).with_context(|| format!("cargo made no {}", program.display()))?;
    activity.done("");
    Ok(program)
}

/// The cargo that runs us, or the one in `PATH`.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
