// SPDX-License-Identifier: GPL-2.0

//! Reads the topology through libhsakmt, AMD's own library, to compare it with the module's files.
//!
//! A separate program (`selftests/hsakmt`) calls the library. A process that has opened `/dev/kfd`
//! holds the cards until it exits, so PID 1 must not open it.

mod compare;
mod lists;
mod theirs;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::Skip;

use crate::report::Record;

pub use compare::{compare, Compared, Difference};

/// The program's path in the initramfs.
const PROGRAM: &str = "/hsakmt/topology";
/// Holds the version of the libhsakmt package.
const VERSION: &str = "/hsakmt/version";
/// Replaces both files if the kernel's release has no libhsakmt; holds the reason.
const NONE: &str = "/hsakmt/none";

/// The features that a virtual card lacks and the program fakes; each level adds one.
#[derive(Debug, Clone, Copy)]
pub enum StandIn {
    /// Fakes nothing.
    Nothing,
    /// The card's DRM render node.
    RenderNode,
    /// The answer to `AMDKFD_IOC_ACQUIRE_VM`.
    AcquireVm,
    /// The answer to `AMDKFD_IOC_SET_MEMORY_POLICY`: everything that the library needs.
    All,
}

/// A topology node, as libhsakmt reports it.
pub struct Node {
    /// Its properties.
    pub properties: Record,
    /// Its memory banks, including those that the library adds.
    pub banks: Vec<Record>,
    /// The links from this node to others.
    pub links: Vec<Record>,
}

/// The program's output.
pub struct Topology {
    /// The nodes; the index is the node's number.
    pub nodes: Vec<Node>,
    /// The ioctls that the library made, by name.
    calls: Vec<Record>,
    /// The program's error, if it failed.
    complaint: Option<String>,
}

/// Reads the topology with everything faked; the library must succeed.
pub fn read() -> Result<Topology> {
    read_with(StandIn::All, &[])
}

/// Reads the topology with these environment variables; the library must succeed.
pub fn read_with(stand_in: StandIn, environment: &[(&str, &str)]) -> Result<Topology> {
    let topology = run(stand_in, environment)?;
    match &topology.complaint {
        Some(complaint) => bail!("libhsakmt: {complaint}"),
        None => Ok(topology),
    }
}

/// Demands that the library fails; returns the calls that it made and its error.
pub fn expect_failure(stand_in: StandIn) -> Result<(Topology, String)> {
    let mut topology = run(stand_in, &[])?;
    let complaint = topology.complaint.take();
    let complaint = complaint
        .with_context(|| format!("expected libhsakmt to fail with {stand_in:?}, it did not"))?;
    Ok((topology, complaint))
}

/// The version of the libhsakmt package.
pub fn version() -> Result<String> {
    let text = fs::read_to_string(VERSION).with_context(|| format!("read {VERSION}"))?;
    Ok(text.trim().to_owned())
}

fn run(stand_in: StandIn, environment: &[(&str, &str)]) -> Result<Topology> {
    if !Path::new(PROGRAM).exists() {
        let why = fs::read_to_string(NONE).with_context(|| {
            format!("the initramfs has neither {PROGRAM} nor {NONE}: has the suite hsakmt = true?")
        })?;
        return Err(Skip(why.trim().to_owned()).into());
    }
    let output = Command::new(PROGRAM)
        .arg((stand_in as u8).to_string())
        .env_clear()
        // Prints only the library's errors.
        .env("HSAKMT_DEBUG_LEVEL", "3")
        .envs(environment.iter().copied())
        .output()
        .with_context(|| format!("start {PROGRAM}"))?;
    let mut topology = parse(&String::from_utf8_lossy(&output.stdout))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        topology.complaint = Some(format!("{}: {}", output.status, said.trim()));
    }
    Ok(topology)
}

fn parse(text: &str) -> Result<Topology> {
    let mut topology = Topology {
        nodes: Vec::new(),
        calls: Vec::new(),
        complaint: None,
    };
    let mut announced = 0;
    for line in text.lines() {
        let record = Record::parse(line).context("the program's output")?;
        let kind = record.get("record")?.to_owned();
        if let "bank" | "link" = kind.as_str() {
            let last = topology.nodes.last_mut();
            let node = last.with_context(|| format!("before any node: {line}"))?;
            let place = ("node", node.properties.get("node")?);
            ensure!(record.has(&[place]), "under another node: {line}");
            let list = if kind == "bank" {
                &mut node.banks
            } else {
                &mut node.links
            };
            ensure!(
                record.get(&kind)? == list.len().to_string(),
                "out of order: {line}"
            );
            list.push(record);
            continue;
        }
        match kind.as_str() {
            "system" => announced = record.get("num_nodes")?.parse()?,
            "ioctl" => topology.calls.push(record),
            "node" => {
                ensure!(
                    record.get("node")? == topology.nodes.len().to_string(),
                    "out of order: {line}"
                );
                topology.nodes.push(Node {
                    properties: record,
                    banks: Vec::new(),
                    links: Vec::new(),
                });
            }
            _ => bail!("no such record: {line}"),
        }
    }
    ensure!(
        topology.nodes.len() == announced,
        "libhsakmt has {announced} nodes, the program shows {}",
        topology.nodes.len()
    );
    Ok(topology)
}

impl Topology {
    /// Demands exactly these ioctls: name, who answered, number of calls, and errno of the answers.
    pub fn expect_calls(&self, wanted: &[(&str, &str, usize, i32)]) -> Result<()> {
        for (name, answered_by, calls, error) in wanted {
            let found = self.calls.iter().find(|call| call.has(&[("name", name)]));
            let call = found.with_context(|| format!("libhsakmt has not called {name}"))?;
            let failed = if *error == 0 { 0 } else { *calls };
            call.expect(&[
                ("answered_by", answered_by),
                ("calls", &calls.to_string()),
                ("failed", &failed.to_string()),
                ("error", &error.to_string()),
            ])?;
        }
        let seen: Vec<_> = self
            .calls
            .iter()
            .filter_map(|c| c.get("name").ok())
            .collect();
        ensure!(
            seen.len() == wanted.len(),
            "libhsakmt called more of KFD than expected: {}",
            seen.join(" ")
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests;
