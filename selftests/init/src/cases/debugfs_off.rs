// SPDX-License-Identifier: GPL-2.0

//! Tests a kernel that was booted with `debugfs=off`.

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::kmsg::expect_line;
use modproof_guest::modules::Refused;
use modproof_guest::{Case, Ctx};
use std::path::Path;

use super::doctor::Listed;
use crate::ctl::doctor;
use crate::fixture::TREE;
use crate::guard;

/// The suite for a boot with `debugfs=off`.
pub const CASES: &[Case] = &[
    Case::new("load-fails-and-says-why", load_fails_and_says_why),
    Case::new("doctor-says-why", doctor_says_why),
];

fn load_fails_and_says_why(ctx: &mut Ctx) -> Result<()> {
    let cmdline = std::fs::read_to_string("/proc/cmdline").context("read /proc/cmdline")?;
    ensure!(
        cmdline.split_whitespace().any(|word| word == "debugfs=off"),
        "this suite needs debugfs=off on the kernel command line, seen {cmdline:?}"
    );
    let mut log = ctx.log_from_now()?;
    match guard::load(&ctx.modules) {
        Ok(()) => bail!("expected the load to fail, seen it succeed without debugfs"),
        Err(error) => {
            let refused = error.downcast::<Refused>()?;
            ctx.note(format!("the load failed with {}", refused.errno));
        }
    }
    let lines = log.new_lines()?;
    expect_line(&lines, &[guard::NAME, "debugfs"])?;
    for line in lines.iter().filter(|line| line.contains("debugfs")) {
        ctx.note(format!("log: {line}"));
    }
    ensure!(
        !Path::new("/sys/kernel/debug/rdna1").exists(),
        "the files are there all the same"
    );
    guard::expect_gone()
}

/// The doctor names `debugfs=off` as the cause, and does not advise modprobe.
fn doctor_says_why(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    let note = doctor()?;
    // The fixture's KFD has a topology but no /dev/kfd.
    note.expect_all("trouble", &["devices-missing"])?;
    note.expect_words("debugfs-off", &["debugfs=off on the kernel's command line"])?;
    // Only for an installed module is `debugfs=off` a trouble.
    let _installed = Listed::for_this_kernel("updates/dkms/rdna1_kfd_guard.ko.xz:\n")?;
    let found = doctor()?;
    found.expect_all(
        "trouble",
        &["module-not-loaded", "debugfs-off", "devices-missing"],
    )?;
    found.expect_words("module-not-loaded", &["see debugfs-off"])?;
    found.expect_words("debugfs-off", &["boot without debugfs=off"])?;
    found.expect_good(&["verdicts", "kfd"])
}
