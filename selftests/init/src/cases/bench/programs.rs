// SPDX-License-Identifier: GPL-2.0

//! Measures a user's alternatives from Debian: a shell loop of `cat`, and rocminfo.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{ensure, Context, Result};
use modproof_guest::count::{of_children, Counts};
use modproof_guest::{Ctx, Skip};

use crate::guard;

const SHELL: &str = "/bin/sh";
const ROCMINFO: &str = "/usr/bin/rocminfo";
const TIMES: usize = 5;

/// Skips the case if the guest does not have this file.
pub fn need(program: impl AsRef<Path>) -> Result<()> {
    let program = program.as_ref();
    if program.exists() {
        return Ok(());
    }
    Err(Skip(format!(
        "the guest has no {}: `make bench` gives it one",
        program.display()
    ))
    .into())
}

/// Measures a shell that prints these files, a shell that prints `heaps`, and rocminfo.
pub fn count(ctx: &mut Ctx, facts: &[PathBuf]) -> Result<()> {
    need(SHELL)?;
    let names = facts.iter().map(|file| file.display().to_string());
    let names = names.collect::<Vec<_>>().join(" ");
    let heaps = guard::path("heaps");
    for (name, script) in [
        ("cat-loop", format!("for f in {names}; do cat $f; done")),
        ("cat-heaps", format!("cat {}", heaps.display())),
    ] {
        let counts = repeated(|| {
            let output = run(Command::new(SHELL).args(["-c", &script]))?;
            ensure!(
                output.status.success() && !output.stdout.is_empty(),
                "{script}: {} {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
            Ok(())
        })?;
        ctx.note(counts.line(&format!("program.{name}")));
    }

    need(ROCMINFO)?;
    let output = run(&mut Command::new(ROCMINFO))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let devices = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Device Type:"));
    let devices: Vec<_> = devices.map(str::trim).collect();
    let last = text.trim().lines().next_back().unwrap_or_default();
    ctx.note(format!(
        "rocminfo: {}, devices {devices:?}, last line {last:?}",
        output.status
    ));
    let counts = repeated(|| run(&mut Command::new(ROCMINFO)).map(drop))?;
    ctx.note(counts.line("program.rocminfo"));
    Ok(())
}

fn run(command: &mut Command) -> Result<Output> {
    let command = command.env_clear().env("PATH", "/usr/bin");
    let output = command.stdin(Stdio::null()).output();
    output.with_context(|| format!("start {:?}", command.get_program()))
}

fn repeated(mut run: impl FnMut() -> Result<()>) -> Result<Counts> {
    run()?;
    let counts = (0..TIMES).map(|_| of_children(&mut run));
    Counts::new(counts.collect::<Result<_>>()?)
}
