// SPDX-License-Identifier: GPL-2.0

//! An interactive shell for the user, on the third serial port.

use std::fs::{self, OpenOptions};
use std::process::Command;

use anyhow::{ensure, Context, Result};

use crate::ctx::Ctx;
use crate::program::Program;

const BUSYBOX: &str = "/bin/busybox";
const PORT: &str = "/dev/ttyS2";

/// Prepares the guest and runs a shell to its end.
pub fn run(program: &Program, ctx: &Ctx) -> Result<()> {
    let port = || {
        let port = OpenOptions::new().read(true).write(true).open(PORT);
        port.with_context(|| format!("open {PORT}"))
    };
    // Open the port first, so that errors show there and no typed text is lost.
    let (input, output, errors) = (port()?, port()?, port()?);
    if let Err(error) = (program.prepare_shell)(ctx) {
        fs::write(PORT, format!("{error:#}\n")).context("write to the user")?;
    }
    busybox(&["--install", "-s", "/bin"])?;
    fs::write("/profile", profile(program.shell_hint)).context("write /profile")?;
    // `Port::open` set raw mode, for programs.
    busybox(&["stty", "-F", PORT, "sane"])?;
    let size = ctx
        .options
        .terminal
        .as_deref()
        .and_then(|t| t.split_once('x'));
    if let Some((rows, columns)) = size {
        busybox(&["stty", "-F", PORT, "rows", rows, "cols", columns])?;
    }
    // The shell needs its own session, so that Ctrl-C reaches its programs. Ignore its exit
    // status, which is that of its last command.
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

/// The script that each shell reads first (`ENV`).
fn profile(hint: &str) -> String {
    let hint = hint.trim_end();
    format!("PS1='guest# '\ncat <<'END'\n{hint}\nEND\n")
}

fn busybox(words: &[&str]) -> Result<()> {
    let status = Command::new(BUSYBOX).args(words).status();
    let status = status.with_context(|| format!("start {BUSYBOX}"))?;
    ensure!(status.success(), "busybox {}: {status}", words.join(" "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_shows_the_hint() {
        let profile = profile("one\ntwo\n");
        assert_eq!(profile, "PS1='guest# '\ncat <<'END'\none\ntwo\nEND\n");
    }
}
