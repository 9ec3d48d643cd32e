// SPDX-License-Identifier: GPL-2.0

//! A prompt for a person, on the third serial port.

use std::fs::{self, OpenOptions};
use std::process::Command;

use anyhow::{ensure, Context, Result};
use modproof_guest::cmdline::Options;
use modproof_guest::Ctx;

use crate::fixture::STOCK;
use crate::{cases, guard};

const BUSYBOX: &str = "/bin/busybox";
const PORT: &str = "/dev/ttyS2";

/// Read by each shell that is started here.
const PROFILE: &str = r#"
PS1='guest# '
cat <<'END'
amdgpu.ko, the fixture with a card, and the module are loaded. Try
    cat /sys/kernel/debug/rdna1/heaps
    cat /sys/module/navi10_stock/parameters/state
    echo set slot=0 bank.flags=1 > /sys/module/navi10_stock/parameters/ctl
    rmmod rdna1_kfd_guard; insmod /modules/rdna1_kfd_guard.ko
END
"#;

/// Loads all there is and runs a shell until it is left.
pub fn run(options: &Options, ctx: &Ctx) -> Result<()> {
    let port = || {
        let port = OpenOptions::new().read(true).write(true).open(PORT);
        port.with_context(|| format!("open {PORT}"))
    };
    // First, so that what goes wrong is seen there, and typing is not lost.
    let (input, output, errors) = (port()?, port()?, port()?);
    if let Err(error) = load(ctx) {
        fs::write(PORT, format!("{error:#}\n")).context("write to the user")?;
    }
    busybox(&["--install", "-s", "/bin"])?;
    fs::write("/profile", PROFILE).context("write /profile")?;
    // Till now it was a port for programs.
    busybox(&["stty", "-F", PORT, "sane"])?;
    let size = options.terminal.as_deref().and_then(|t| t.split_once('x'));
    if let Some((rows, columns)) = size {
        busybox(&["stty", "-F", PORT, "rows", rows, "cols", columns])?;
    }
    // In a session of its own, so that Ctrl-C gets to what runs there. How the
    // last command in it went is nobody's concern.
    Command::new(BUSYBOX)
        .args(["setsid", "-c", BUSYBOX, "sh"])
        .env("PATH", "/bin")
        .env("HOME", "/")
        .env("TERM", "vt100")
        .env("ENV", "/profile")
        .stdin(input)
        .stdout(output)
        .stderr(errors)
        .status()
        .context("start the shell")?;
    Ok(())
}

fn load(ctx: &Ctx) -> Result<()> {
    cases::need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)
}

fn busybox(words: &[&str]) -> Result<()> {
    let status = Command::new(BUSYBOX).args(words).status();
    let status = status.with_context(|| format!("start {BUSYBOX}"))?;
    ensure!(status.success(), "busybox {}: {status}", words.join(" "));
    Ok(())
}
