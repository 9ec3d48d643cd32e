// SPDX-License-Identifier: GPL-2.0

//! Loads the module from a network namespace, as a container may; the namespace must still end.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use modproof_guest::child::Helper;
use modproof_guest::Ctx;

use crate::guard;

/// The slab cache of network namespaces.
const CACHE: &str = "/sys/kernel/slab/net_namespace";
const GONE_WITHIN: Duration = Duration::from_secs(60);

/// The namespace must end with its last process, although the module stays loaded.
///
/// A file system that was mounted there holds only the namespace's memory, which no id or device
/// shows (`net_grab_current_ns()`). So the case counts slab objects.
pub fn load_from_net_namespace(ctx: &mut Ctx) -> Result<()> {
    let before = settled()?;
    let mut loader = Helper::in_net_namespace(Some(guard::NAME))?;
    let with_one = count()?;
    ensure!(
        with_one > before,
        "{before} namespaces before, {with_one} with one more: they cannot be counted here"
    );
    loader.go_on()?;
    loader.finish().context("load from a network namespace")?;
    guard::expect_files()?;
    let deadline = Instant::now() + GONE_WITHIN;
    let after = loop {
        let after = settled()?;
        if after <= before || Instant::now() > deadline {
            break after;
        }
    };
    ctx.note(format!("{before} network namespaces before, {after} after"));
    ensure!(
        after <= before,
        "the module holds the network namespace that it was loaded from: \
         {before} namespaces before the load, {after} after it"
    );
    guard::expect_header_only()?;
    guard::unload()
}

/// The count after another namespace came and ended: the kernel frees a namespace's memory when it
/// takes down the next one (`net_complete_free()`).
fn settled() -> Result<u64> {
    let mut other = Helper::in_net_namespace(None)?;
    other.go_on()?;
    other.finish()?;
    // A kernel worker takes it down.
    thread::sleep(Duration::from_millis(300));
    count()
}

fn count() -> Result<u64> {
    let path = |file| -> PathBuf { Path::new(CACHE).join(file) };
    // Freed objects stay in the cache, and in the count, until it is shrunk.
    fs::write(path("shrink"), "1").with_context(|| format!("shrink {CACHE}"))?;
    let path = path("objects");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let count = text.split_whitespace().next().unwrap_or_default();
    count
        .parse()
        .with_context(|| format!("{} holds {text:?}", path.display()))
}
