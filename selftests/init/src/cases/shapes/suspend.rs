// SPDX-License-Identifier: GPL-2.0

//! Suspends the system's devices and resumes them at once, by the kernel's suspend test mode.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use modproof_guest::Skip;

/// Selects the stage at which the kernel turns a suspend into a resume.
const TEST: &str = "/sys/power/pm_test";
/// The seconds that the kernel waits at that stage.
const DELAY: &str = "/sys/module/suspend/parameters/pm_test_delay";
const STATE: &str = "/sys/power/state";

/// Skips the case if the kernel has no suspend test mode.
pub fn need() -> Result<()> {
    if Path::new(TEST).exists() {
        return Ok(());
    }
    Err(Skip(format!(
        "no {TEST}: the kernel has no CONFIG_PM_SLEEP_DEBUG"
    ))
    .into())
}

/// Suspends the devices and resumes them.
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
