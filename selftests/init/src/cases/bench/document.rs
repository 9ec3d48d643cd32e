// SPDX-License-Identifier: GPL-2.0

//! What docs/requests.md says that one can do without the module is run as it stands there.

use std::process::Command;

use anyhow::{ensure, Context, Result};

use super::programs::need;
use super::requests::{counted, hits, need_tracefs, while_it_watches, ALLOC, BPFTRACE, TRACEFS};
use crate::ask::Asker;
use crate::cases::requests::alloc;

const DOCUMENT: &str = include_str!("../../../../../docs/requests.md");
const SHELL: &str = "/bin/sh";
/// How often memory is asked for.
const TIMES: u64 = 7;

/// The commands of the code after this marker.
fn commands(name: &str) -> Result<&'static str> {
    let marker = format!("<!-- tested: {name} -->\n```sh\n");
    let (_, after) = DOCUMENT.split_once(&marker).context(marker)?;
    let (commands, _) = after.split_once("```").context("it has no end")?;
    Ok(commands)
}

/// A histogram in tracefs.
pub fn tracefs(gpu_id: u32) -> Result<()> {
    need(SHELL)?;
    need_tracefs()?;
    shell("tracefs")?;
    ask(gpu_id)?;
    let seen = shell("tracefs-look")?;
    ensure!(
        hits(&seen) == Some(TIMES),
        "expected {TIMES} hits, seen\n{seen}"
    );
    shell("tracefs-end")?;
    let left = std::fs::read_to_string(format!("{TRACEFS}/kprobe_events"))?;
    ensure!(left.is_empty(), "this is left:\n{left}");
    Ok(())
}

/// bpftrace.
pub fn bpftrace(gpu_id: u32) -> Result<()> {
    need(BPFTRACE)?;
    need_tracefs()?;
    let mut command = Command::new(SHELL);
    command.args(["-ec", &format!("exec {}", commands("bpftrace")?)]);
    let seen = while_it_watches(&mut command, &[ALLOC], || ask(gpu_id))?;
    let count: u64 = seen.lines().filter_map(|line| counted(line, "")).sum();
    ensure!(count == TIMES, "expected {TIMES}, seen\n{seen}");
    Ok(())
}

fn ask(gpu_id: u32) -> Result<()> {
    let mut asker = Asker::start()?;
    asker.ask(&alloc(gpu_id, 1), TIMES, 1)?;
    asker.end()
}

/// Runs commands of the document where it says, and gives their output.
fn shell(name: &str) -> Result<String> {
    let output = Command::new(SHELL)
        .args(["-ec", commands(name)?])
        .env_clear()
        .env("PATH", "/usr/bin")
        .current_dir(TRACEFS)
        .output()
        .with_context(|| format!("run {SHELL}"))?;
    ensure!(
        output.status.success(),
        "{name}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_commands() {
        for name in ["tracefs", "tracefs-look", "tracefs-end", "bpftrace"] {
            assert!(!commands(name).unwrap().is_empty());
        }
        assert!(commands("nothing").is_err());
    }
}
