// SPDX-License-Identifier: GPL-2.0

//! What rocminfo prints.

use anyhow::{bail, Context, Result};

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

/// The GPUs in what rocminfo prints.
pub fn parse(text: &str) -> Result<Vec<Agent>> {
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
