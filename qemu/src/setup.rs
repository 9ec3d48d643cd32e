// SPDX-License-Identifier: GPL-2.0

//! The programs of the host that this one needs.

use std::process::{Command, ExitCode};

use anyhow::{ensure, Context, Result};

/// Installs what is missing on Debian and its like.
const SCRIPT: &str = include_str!("../host-setup.sh");

/// Some of those that the script installs: without one of these nothing can be booted or built.
const PROGRAMS: [&str; 7] = [
    "qemu-system-x86_64",
    "mmdebstrap",
    "unshare",
    "setpriv",
    "flock",
    "objcopy",
    "xz",
];

/// Installs the programs that are missing.
pub fn run() -> Result<ExitCode> {
    let status = Command::new("sh").args(["-c", SCRIPT]).status();
    let status = status.context("cannot start sh")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    })
}

/// Fails if one is missing.
pub fn expect_programs() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Not every user has root's folders of programs in PATH.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let folders: Vec<_> = folders.collect();
    let is_missing = |name: &&&str| !folders.iter().any(|folder| folder.join(name).is_file());
    let missing: Vec<_> = PROGRAMS.iter().filter(is_missing).copied().collect();
    ensure!(
        missing.is_empty(),
        "missing on this host: {}. `modproof setup` installs what is needed, on Debian and its like",
        missing.join(" ")
    );
    Ok(())
}
