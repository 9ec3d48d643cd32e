// SPDX-License-Identifier: GPL-2.0

//! The kernel's fault injection: the Nth allocation of this thread fails
//! (`Documentation/fault-injection/fault-injection.rst`, fail-nth).

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{bail, ensure, Context, Result};
use modproof_wait::mounts::DEBUGFS;

use crate::skip::Skip;

const FAIL_NTH: &str = "/proc/thread-self/fail-nth";
/// The limit of a sweep: no operation under test allocates more often.
pub const MOST: u32 = 20_000;

/// The settings below debugfs: fail allocations that may sleep, of any order and of any memory (a
/// module's own may be high memory). Log nothing: the runner fails a case for a stack trace.
const KNOBS: &[(&str, &str)] = &[
    ("failslab/ignore-gfp-wait", "N"),
    ("failslab/verbose", "0"),
    ("fail_page_alloc/ignore-gfp-wait", "N"),
    ("fail_page_alloc/ignore-gfp-highmem", "N"),
    ("fail_page_alloc/min-order", "0"),
    ("fail_page_alloc/verbose", "0"),
];

/// Configures the kernel's fault injection. Skips on a kernel without it.
pub fn prepare() -> Result<()> {
    if !Path::new(FAIL_NTH).exists() {
        return Err(Skip("the kernel has no fault injection (FAULT_INJECTION)".to_owned()).into());
    }
    for (knob, value) in KNOBS {
        let path = Path::new(DEBUGFS).join(knob);
        fs::write(&path, value).with_context(|| format!("write {value} to {}", path.display()))?;
    }
    Ok(())
}

/// The fail-nth file of this thread. It stays open, since opening it allocates, too.
pub struct FailNth(File);

impl FailNth {
    /// Opens the file.
    pub fn open() -> Result<Self> {
        let file = File::options().read(true).write(true).open(FAIL_NTH);
        Ok(Self(file.with_context(|| format!("open {FAIL_NTH}"))?))
    }

    /// Runs `action` and fails its Nth allocation. Also returns whether it had that many.
    pub fn during<T>(&self, nth: u32, action: impl FnOnce() -> T) -> Result<(T, bool)> {
        let (result, left) = self.counting(nth, action)?;
        // The kernel counts N down to 0: a rest means fewer allocations.
        Ok((result, left == 0))
    }

    /// Counts the allocations of `action`.
    pub fn allocations<T>(&self, action: impl FnOnce() -> T) -> Result<(T, u32)> {
        let (result, left) = self.counting(MOST, action)?;
        Ok((result, MOST - left))
    }

    /// Runs `action` and fails its Nth allocation. Also returns the unused rest of N.
    fn counting<T>(&self, nth: u32, action: impl FnOnce() -> T) -> Result<(T, u32)> {
        let mut left = [0; 16];
        self.0
            .write_at(nth.to_string().as_bytes(), 0)
            .context("arm fail-nth")?;
        let result = action();
        let length = self.0.read_at(&mut left, 0).context("read fail-nth")?;
        self.0.write_at(b"0", 0).context("disarm fail-nth")?;
        let left = std::str::from_utf8(left.get(..length).unwrap_or_default())?;
        let left = left.trim().parse().context("the rest in fail-nth")?;
        Ok((result, left))
    }
}

/// Runs `action` and fails its Nth allocation, for N from 1 until `action` has fewer. `each`
/// returns whether the result is a failure. Returns the number of failures and of tries.
pub fn sweep<T>(
    action: impl FnMut() -> T,
    each: impl FnMut(T) -> Result<bool>,
) -> Result<(u32, u32)> {
    sweep_from(1, action, each)
}

/// Like [`sweep`], for N from `first` on.
pub fn sweep_from<T>(
    first: u32,
    mut action: impl FnMut() -> T,
    mut each: impl FnMut(T) -> Result<bool>,
) -> Result<(u32, u32)> {
    let switch = FailNth::open()?;
    let mut failed = 0;
    for nth in first..=MOST {
        let (result, fired) = switch.during(nth, &mut action)?;
        failed += u32::from(each(result).with_context(|| format!("allocation {nth}"))?);
        if !fired {
            ensure!(nth > first, "no allocation failed: tried nothing");
            return Ok((failed, nth - first + 1));
        }
    }
    bail!("an allocation still fails after {MOST}")
}
