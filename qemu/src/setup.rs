// SPDX-License-Identifier: GPL-2.0

//! Installs and checks the host programs that modproof needs.

use std::process::{Command, ExitCode};

use anyhow::{ensure, Context, Result};

/// Installs missing programs on Debian and its derivatives.
const SCRIPT: &str = include_str!("../host-setup.sh");

/// Some programs that the script installs. Without any of these, nothing can boot or build.
const PROGRAMS: [&str; 7] = [
    "qemu-system-x86_64",
    "mmdebstrap",
    "unshare",
    "setpriv",
    "flock",
    "objcopy",
    "xz",
];

/// Installs missing programs.
pub fn run() -> Result<ExitCode> {
    let status = Command::new("sh").args(["-c", SCRIPT]).status();
    let status = status.context("cannot start sh")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    })
}

/// Fails if a program is missing.
pub fn expect_programs() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // PATH of a normal user may lack the folders of root's programs.
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
