// SPDX-License-Identifier: GPL-2.0

//! A module that is loaded from a network namespace, as from a container.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use modproof_guest::child::Helper;
use modproof_guest::Ctx;

use crate::guard;

/// The cache that network namespaces come from.
const CACHE: &str = "/sys/kernel/slab/net_namespace";
const GONE_WITHIN: Duration = Duration::from_secs(60);

/// The namespace goes with its last process, though the module stays.
///
/// A file system that was mounted there keeps the namespace's memory only: no
/// id and no device shows that (`net_grab_current_ns()`). So its slab objects
/// are counted.
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

/// The count after another namespace has come and gone: the kernel frees the
/// memory of one when it takes down the next (`net_complete_free()`).
fn settled() -> Result<u64> {
    let mut other = Helper::in_net_namespace(None)?;
    other.go_on()?;
    other.finish()?;
    // A worker takes it down.
    thread::sleep(Duration::from_millis(300));
    count()
}

fn count() -> Result<u64> {
    let path = |file| -> PathBuf { Path::new(CACHE).join(file) };
    // What was freed is kept at hand, and counts, until the cache is shrunk.
    fs::write(path("shrink"), "1").with_context(|| format!("shrink {CACHE}"))?;
    let path = path("objects");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let count = text.split_whitespace().next().unwrap_or_default();
    count
        .parse()
        .with_context(|| format!("{} holds {text:?}", path.display()))
}
