// SPDX-License-Identifier: GPL-2.0

//! Kernels that accept only signed modules: `module.sig_enforce=1`, and both degrees of lockdown.

use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use modproof_guest::mounts::SECURITY;
use modproof_guest::{Case, Ctx, Skip};
use nix::errno::Errno;

use super::lifecycle::expect_refused;
use crate::fixture::TREE;
use crate::guard;
use crate::truth::View;

/// The suite for a boot of such a kernel.
pub const CASES: &[Case] = &[
    Case::new("unsigned-is-refused", unsigned_is_refused),
    Case::new("signed-tells-the-truth", signed_tells_the_truth),
];

/// The kernel's error for an unsigned module: EKEYREJECTED under `sig_enforce`, EPERM under
/// lockdown (`module_sig_check()`, kernel/module/signing.c).
fn refusal() -> Result<Errno> {
    let cmdline = fs::read_to_string("/proc/cmdline").context("read /proc/cmdline")?;
    let words: Vec<_> = cmdline.split_whitespace().collect();
    if words.contains(&"module.sig_enforce=1") {
        return Ok(Errno::EKEYREJECTED);
    }
    ensure!(
        words.iter().any(|word| word.starts_with("lockdown=")),
        "this suite needs a kernel that is restricted by its command line, seen {cmdline:?}"
    );
    let lockdown = Path::new(SECURITY).join("lockdown");
    let state =
        fs::read_to_string(&lockdown).with_context(|| format!("read {}", lockdown.display()))?;
    ensure!(!state.contains("[none]"), "not locked down: {state}");
    Ok(Errno::EPERM)
}

/// The kernel refuses an unsigned module and keeps nothing of it.
fn unsigned_is_refused(ctx: &mut Ctx) -> Result<()> {
    let refusal = refusal()?;
    expect_refused(guard::load(&ctx.modules), refusal)?;
    ctx.note(format!("without a signature: {refusal}"));
    guard::expect_gone()
}

/// A signed module loads, and its files can be read: lockdown leaves read-only files of debugfs
/// open (`debugfs_locked_down()`, fs/debugfs/file.c).
fn signed_tells_the_truth(ctx: &mut Ctx) -> Result<()> {
    refusal()?;
    let Some(signed) = ctx.modules.signed() else {
        return Err(Skip("nobody but Debian can sign for this kernel".to_owned()).into());
    };
    TREE.load(&signed, "slot=0")?;
    guard::load(&signed)?;
    View::read()?.expect_truth(&TREE.card(0)?)?;
    guard::counters()?;
    guard::unload()
}
