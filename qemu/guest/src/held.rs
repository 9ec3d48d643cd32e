// SPDX-License-Identifier: GPL-2.0

//! Compares the reference counts of modules before and after a case.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};

/// The kernel drops a program's references up to this long after its end.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(10);

/// The number of references on each module, by its name; -1 while the kernel unloads it.
pub fn refcounts() -> Result<BTreeMap<String, i64>> {
    let listed = fs::read_to_string("/proc/modules").context("read /proc/modules")?;
    let count = |line: &str| {
        let mut words = line.split(' ');
        let (name, count) = (words.next()?, words.nth(1)?);
        Some((name.to_owned(), count.parse().ok()?))
    };
    let counts: Option<_> = listed.lines().map(count).collect();
    counts.context("/proc/modules: not as expected")
}

/// Fails if a module still has more references than before. Passes if a module was loaded since,
/// as a module holds references on its dependencies.
pub fn expect_refcounts(before: &BTreeMap<String, i64>) -> Result<()> {
    let deadline = Instant::now() + GIVEN_BACK_WITHIN;
    loop {
        let now = refcounts()?;
        if now.keys().any(|name| !before.contains_key(name)) {
            return Ok(());
        }
        let held = now.iter().filter_map(|(name, count)| {
            let before = before.get(name)?;
            (count > before).then(|| format!("{name} by {count}, before by {before}"))
        });
        let held: Vec<_> = held.collect();
        if held.is_empty() {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "modules that are still held: {}",
            held.join("; ")
        );
        thread::yield_now();
    }
}
