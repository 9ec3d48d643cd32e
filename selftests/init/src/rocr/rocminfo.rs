// SPDX-License-Identifier: GPL-2.0

//! AMD's rocminfo: a list of the agents that the runtime finds, with their memory pools.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use anyhow::{bail, ensure, Context, Result};
use nix::libc::SIGABRT;

use super::Environment;

/// The program.
pub const PROGRAM: &str = "/usr/bin/rocminfo";
/// The last line. rocminfo ends with 0 also where it gives up before.
const DONE: &str = "*** Done ***";

/// An agent that is a GPU.
#[derive(Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its name, which is that of its instruction set.
    pub name: String,
    /// Its pools of the global segment.
    pub pools: Vec<Pool>,
}

/// A memory pool.
#[derive(Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its grain, as rocminfo prints it: `COARSE GRAINED` and the like.
    pub grain: String,
    /// Its size in KiB.
    pub kib: u64,
}

/// Asks by rocminfo: the GPUs, or how the runtime failed, in the words of the table in
/// docs/truth.md. A failure of another kind is an error.
pub fn ask(environment: Environment) -> Result<Result<Vec<Agent>, String>> {
    let output = super::run(PROGRAM, environment)?;
    if !output.status.success() {
        return failure(&output).map(Err);
    }
    parse(&String::from_utf8_lossy(&output.stdout)).map(Ok)
}

fn failure(output: &Output) -> Result<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let ended = output.status;
    let is_refused = ended.code() == Some(8) && text.contains("hsa api call failure");
    if is_refused && !text.contains("\nAgent ") {
        return Ok("no device, exit 8".into());
    }
    if ended.signal() == Some(SIGABRT) && said.contains("Assertion") {
        return Ok("crashes: an assertion fails".into());
    }
    bail!("rocminfo: {ended}\n{text}{said}")
}

/// The GPUs in what rocminfo prints.
pub fn parse(text: &str) -> Result<Vec<Agent>> {
    let is_whole = text.trim_end().ends_with(DONE);
    ensure!(is_whole, "rocminfo gave up before its last line:\n{text}");
    let mut agents = Vec::new();
    for block in text.split("\nAgent ").skip(1) {
        let value = |key: &str| {
            let mut lines = block.lines().map(str::trim);
            lines.find_map(|line| line.strip_prefix(key)).map(str::trim)
        };
        let kind = value("Device Type:").context("rocminfo: an agent of no type")?;
        if kind != "GPU" {
            continue;
        }
        agents.push(Agent {
            name: value("Name:").context("rocminfo: no name")?.to_owned(),
            pools: pools(block)?,
        });
    }
    Ok(agents)
}

fn pools(block: &str) -> Result<Vec<Pool>> {
    let mut pools = Vec::new();
    let mut lines = block.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(segment) = line.strip_prefix("Segment:").map(str::trim) else {
            continue;
        };
        let Some(grain) = segment.strip_prefix("GLOBAL; FLAGS:") else {
            continue;
        };
        let size = lines.next().and_then(|line| line.strip_prefix("Size:"));
        let number = size.and_then(|size| size.trim().split('(').next());
        let Some(kib) = number.and_then(|number| number.parse().ok()) else {
            bail!("rocminfo: a pool of no size: {segment}");
        };
        pools.push(Pool {
            grain: grain.trim().to_owned(),
            kib,
        });
    }
    Ok(pools)
}
