// SPDX-License-Identifier: GPL-2.0

//! Suspending the system as far as its devices, and resuming it at once.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use modproof_guest::Skip;

/// How far a suspend goes before it is turned into a resume.
const TEST: &str = "/sys/power/pm_test";
/// How many seconds the kernel waits there.
const DELAY: &str = "/sys/module/suspend/parameters/pm_test_delay";
const STATE: &str = "/sys/power/state";

/// Skips a case where the kernel cannot do that.
pub fn need() -> Result<()> {
    if Path::new(TEST).exists() {
        return Ok(());
    }
    Err(Skip(format!(
        "no {TEST}: the kernel has no CONFIG_PM_SLEEP_DEBUG"
    ))
    .into())
}

/// Suspends and resumes.
pub fn now() -> Result<()> {
    let write = |path: &str, text: &str| {
        fs::write(path, text).with_context(|| format!("write {text} to {path}"))
    };
    write(DELAY, "0")?;
    write(TEST, "devices")?;
    let done = write(STATE, "freeze");
    write(TEST, "none")?;
    done
}
