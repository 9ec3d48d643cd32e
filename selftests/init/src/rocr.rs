// SPDX-License-Identifier: GPL-2.0

//! What AMD's runtime (ROCr) offers programs: asked by rocminfo, and by a program of this project
//! (`selftests/rocr`). A preloaded library answers it in the place of the card's driver.

mod rocminfo;

use std::fs;
use std::process::{Command, Output};

use anyhow::{ensure, Context, Result};
use kfd_uapi as uapi;

use crate::report::Record;
pub use rocminfo::{parse, Agent};

/// What answers in the place of the driver.
const STAND_IN: &str = "/rocr/stand_in.so";
/// The same, and what reads another file in the place of one: the tests show by it that they can fail.
const STAND_IN_AND_OTHER_FILE: &str = "/rocr/stand_in.so:/rocr/other_file.so";
/// This project's program.
pub const POOLS: &str = "/rocr/pools";
/// AMD's program.
pub const ROCMINFO: &str = "/usr/bin/rocminfo";
/// Where the stand-in notes allocations.
const LOG: &str = "/tmp/allocations";
/// The last line of rocminfo; it ends with 0 also where it gave up before.
const DONE: &str = "*** Done ***";

/// `HSA_AMD_SEGMENT_GLOBAL` (`hsa_ext_amd.h`).
const SEGMENT_GLOBAL: &str = "0";

/// The environment of a program that asks the runtime.
pub type Environment<'a> = &'a [(&'a str, &'a str)];

/// The version of a package, as Debian names it.
pub fn version(package: &str) -> Result<String> {
    let path = format!("/packages/{package}");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.trim().to_owned())
}

/// The variables that a program needs, to be given the stand-in.
pub fn preload() -> (&'static str, &'static str) {
    ("LD_PRELOAD", STAND_IN)
}

/// Asks by rocminfo: all agents, or how it failed.
pub fn rocminfo(environment: Environment) -> Result<Result<Vec<Agent>, String>> {
    let output = run(ROCMINFO, environment)?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !text.trim_end().ends_with(DONE) {
        return Ok(Err(failure(&output)));
    }
    parse(&text).map(Ok)
}

/// How a program failed, in the words of the table in docs/truth.md.
fn failure(output: &Output) -> String {
    match output.status.code() {
        Some(0) => "gives up, exit 0".into(),
        Some(code) => format!("fails, exit {code}"),
        None => "crashes".into(),
    }
}

/// What this project's program prints of a GPU.
pub struct Gpu {
    /// The agent.
    pub agent: Record,
    /// Its pools of the global segment.
    pub pools: Vec<Record>,
}

/// What it prints, and what the runtime asked of KFD meanwhile.
pub struct Asked {
    /// The GPUs.
    pub gpus: Vec<Gpu>,
    /// The flags of the requests for VRAM. The program takes a page of each pool in turn, and the
    /// runtime makes one request for that.
    pub vram: Vec<u32>,
}

/// Asks by this project's program; it must not fail.
pub fn pools(environment: Environment) -> Result<Asked> {
    let with_log = [environment, &[("STAND_IN_LOG", LOG)]].concat();
    fs::write(LOG, "").with_context(|| format!("cannot empty {LOG}"))?;
    let output = run(POOLS, &with_log)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && text.ends_with("record=done\n"),
        "{POOLS}: {}\n{text}{said}",
        output.status
    );
    let log = fs::read_to_string(LOG).with_context(|| format!("cannot read {LOG}"))?;
    Ok(Asked {
        gpus: gpus(&text)?,
        vram: requests_for_vram(&log)?,
    })
}

fn gpus(text: &str) -> Result<Vec<Gpu>> {
    let mut gpus: Vec<Gpu> = Vec::new();
    let mut is_gpu = false;
    for line in text.lines() {
        let record = Record::parse(line).context(POOLS)?;
        let kind = record.get("record")?.to_owned();
        if kind == "agent" {
            is_gpu = record.has(&[("type", "gpu")]);
        }
        match (kind.as_str(), gpus.last_mut()) {
            ("agent", _) if is_gpu => gpus.push(Gpu {
                agent: record,
                pools: Vec::new(),
            }),
            ("pool", Some(gpu)) if is_gpu && record.has(&[("segment", SEGMENT_GLOBAL)]) => {
                gpu.pools.push(record);
            }
            _ => {}
        }
    }
    Ok(gpus)
}

fn requests_for_vram(log: &str) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for line in log.lines() {
        let record = Record::parse(line).context(LOG)?;
        let flags = record.get("flags")?.trim_start_matches("0x");
        let flags = u32::from_str_radix(flags, 16).with_context(|| line.to_owned())?;
        if flags & uapi::KFD_IOC_ALLOC_MEM_FLAGS_VRAM != 0 {
            found.push(flags);
        }
    }
    Ok(found)
}

/// Variables by which a program reads `other` in the place of each file whose path ends like that.
pub fn with_other_file<'a>(end: &'a str, other: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("LD_PRELOAD", STAND_IN_AND_OTHER_FILE),
        ("OTHER_FILE", end),
        ("OTHER_FILE_IS", other),
    ]
}

fn run(program: &str, environment: Environment) -> Result<Output> {
    let mut command = Command::new(program);
    command.env_clear().envs([preload()]);
    command.envs(environment.iter().copied());
    let output = command.output();
    output.with_context(|| format!("cannot start {program}"))
}
