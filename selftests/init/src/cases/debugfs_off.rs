// SPDX-License-Identifier: GPL-2.0

//! A kernel whose debugfs is switched off (`debugfs=off`).

use anyhow::{bail, ensure, Context, Result};
use std::path::Path;

use super::Case;
use crate::ctx::Ctx;
use crate::guard;
use crate::kmsg::expect_line;
use crate::modules::Refused;

/// The suite for that kernel.
pub const CASES: &[Case] = &[Case::new(
    "load-fails-and-says-why",
    load_fails_and_says_why,
)];

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
