// SPDX-License-Identifier: GPL-2.0

//! Tests the module as built with kernel headers of other distributions (`selftests/headers`).

use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use modproof_guest::kmsg::{self, Kmsg};
use modproof_guest::{Case, Ctx};
use nix::errno::Errno;

use super::lifecycle::expect_refused;
use crate::fixture::TREE;
use crate::guard;
use crate::truth::View;

/// For complete headers.
pub const CASES: &[Case] = &[Case::new("tells-the-truth", tells_the_truth)];

/// For headers that also have the kernel's type information (BTF).
pub const WITH_BTF: &[Case] = &[
    Case::new("tells-the-truth", tells_the_truth),
    Case::new("brings-type-information", brings_type_information),
];

/// For headers that have another version of a Rust symbol.
pub const WRONG_VERSION: &[Case] = &[Case::new(
    "refused-for-its-version",
    refused_for_its_version,
)];

/// For headers that lack a Rust symbol.
pub const NO_VERSION: &[Case] = &[Case::new("loaded-with-a-warning", loaded_with_a_warning)];

fn tells_the_truth(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    View::read()?.expect_truth(&TREE.card(0)?)?;
    guard::counters()?;
    guard::unload()
}

/// The kernel shows a module's type information once it has accepted it (`btf_module_notify()`,
/// kernel/bpf/btf.c).
fn brings_type_information(ctx: &mut Ctx) -> Result<()> {
    guard::load(&ctx.modules)?;
    let path = Path::new("/sys/kernel/btf").join(guard::NAME);
    let shown = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    ensure!(!shown.is_empty(), "{} is empty", path.display());
    ctx.note(format!("{} bytes of type information", shown.len()));
    guard::unload()?;
    ensure!(!path.exists(), "{} is still there", path.display());
    Ok(())
}

/// The kernel's check is `check_version()` in kernel/module/version.c.
fn refused_for_its_version(ctx: &mut Ctx) -> Result<()> {
    let mut log = Kmsg::from_now()?;
    expect_refused(guard::load(&ctx.modules), Errno::EINVAL)?;
    kmsg::expect_line(
        &log.new_lines()?,
        &[guard::NAME, "disagrees about version of symbol _R"],
    )?;
    guard::expect_gone()
}

fn loaded_with_a_warning(ctx: &mut Ctx) -> Result<()> {
    let mut log = Kmsg::from_now()?;
    guard::load(&ctx.modules)?;
    kmsg::expect_line(
        &log.new_lines()?,
        &[guard::NAME, "no extended symbol version for _R"],
    )?;
    guard::unload()
}
