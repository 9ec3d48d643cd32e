// SPDX-License-Identifier: GPL-2.0

//! The program of this project that asks the runtime for what rocminfo does not print.

use std::fs;

use anyhow::{ensure, Context, Result};
use kfd_uapi as uapi;

use super::Environment;
use crate::report::Record;

/// The program.
pub const PROGRAM: &str = "/rocr/pools";
/// The stand-in writes a record of each allocation to this file.
const LOG: &str = "/tmp/allocations";
/// `HSA_AMD_SEGMENT_GLOBAL` (`hsa_ext_amd.h`).
const SEGMENT_GLOBAL: &str = "0";

/// A GPU.
pub struct Gpu {
    /// The agent.
    pub agent: Record,
    /// Its pools of the global segment.
    pub pools: Vec<Record>,
}

/// The answers of the runtime, and its requests to KFD meanwhile.
pub struct Asked {
    /// The GPUs.
    pub gpus: Vec<Gpu>,
    /// The flags of the requests for VRAM. The program takes a page of each pool in turn, and the
    /// runtime makes one request for that.
    pub vram: Vec<u32>,
}

/// Asks by this program; it must not fail.
pub fn ask(environment: Environment) -> Result<Asked> {
    let with_log = [environment, &[("STAND_IN_LOG", LOG)]].concat();
    fs::write(LOG, "").with_context(|| format!("cannot empty {LOG}"))?;
    let output = super::run(PROGRAM, &with_log)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && text.ends_with("record=done\n"),
        "{PROGRAM}: {}\n{text}{said}",
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
        let record = Record::parse(line).context(PROGRAM)?;
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
