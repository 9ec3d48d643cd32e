// SPDX-License-Identifier: GPL-2.0

//! The answers of both programs beside sysfs and beside each other.

use anyhow::{bail, ensure, Result};
use kfd_uapi as uapi;

use super::rows::{Row, FORCE};
use crate::fixture::Card;
use crate::kfd;
use crate::report::Record;
use crate::rocr::pools::{self, Asked, Gpu};
use crate::rocr::rocminfo::{self, Agent, Pool};

/// Asks both programs of these cards, and demands that all that they say of memory is in sysfs.
/// Gives the cell of the table.
pub fn ask(cards: &[(&Card, &Row)]) -> Result<String> {
    // Variables are for all cards.
    let environment = cards.first().map_or(&[][..], |(_, row)| row.environment);
    let may_fail = cards.iter().any(|(_, row)| !row.undo.is_empty());
    let agents = match rocminfo::ask(environment)? {
        Ok(agents) => agents,
        Err(failure) if may_fail => return Ok(failure),
        Err(failure) => bail!("rocminfo: {failure}"),
    };
    ensure!(
        agents.len() == cards.len(),
        "expected {} GPUs, rocminfo shows {agents:?}",
        cards.len()
    );
    for ((card, row), agent) in cards.iter().zip(&agents) {
        let names = row.names;
        ensure!(
            names.contains(&&*agent.name),
            "expected one of {names:?}, rocminfo shows {agent:?}"
        );
        if !(may_fail && agent.pools.is_empty()) {
            expect_pools(card, row, agent)?;
        }
    }
    let asked = pools::ask(environment)?;
    expect_same(&agents, &asked)?;
    expect_requests(&agents, &asked)?;
    let told = agents.iter().zip(&asked.gpus).map(|(agent, gpu)| {
        let grains: Vec<_> = agent.pools.iter().map(short).collect();
        Ok(match grains.as_slice() {
            [] => format!("{}: no pool", agent.name),
            grains => {
                let reach = reach_of_all(grains, gpu)?;
                format!("{}: {}; {reach}", agent.name, grains.join(", "))
            }
        })
    });
    Ok(told.collect::<Result<Vec<_>>>()?.join("; and "))
}

/// The grain as the table has it.
fn short(pool: &Pool) -> &str {
    match &*pool.grain {
        "COARSE GRAINED" => "CG",
        "EXTENDED FINE GRAINED" => "EFG",
        "FINE GRAINED" => "FG",
        other => other,
    }
}

/// Sizes are those of the bank in sysfs. The runtime offers fine-grained memory if KFD names an
/// XGMI hive, or a variable asks for it, and not otherwise.
fn expect_pools(card: &Card, row: &Row, agent: &Agent) -> Result<()> {
    let node = kfd::node(card.node());
    let in_hive = kfd::property(&node.join("properties"), "hive_id")? != 0;
    let is_forced = row.environment.iter().any(|(name, _)| *name == FORCE);
    let wanted: &[_] = match in_hive || is_forced {
        true => &["CG", "EFG", "FG"],
        false => &["CG", "EFG"],
    };
    let seen: Vec<_> = agent.pools.iter().map(short).collect();
    ensure!(
        seen == wanted,
        "a hive in sysfs: {in_hive}; expected {wanted:?}, seen {seen:?}"
    );
    let bank = node.join("mem_banks/0/properties");
    let bytes = kfd::property(&bank, "size_in_bytes")?;
    let wrong = agent.pools.iter().find(|pool| pool.kib != bytes / 1024);
    ensure!(
        wrong.is_none(),
        "sysfs has {bytes} bytes, the runtime has {wrong:?}"
    );
    Ok(())
}

/// Both programs show the same GPUs and pools. The flags are `hsa_amd_memory_pool_global_flag_t`.
fn expect_same(agents: &[Agent], asked: &Asked) -> Result<()> {
    let is_same = |pool: &Pool, record: &Record| {
        let flags = match short(pool) {
            "CG" => "0x4",
            "EFG" => "0x8",
            "FG" => "0x2",
            _ => "?",
        };
        let bytes = (pool.kib * 1024).to_string();
        record.has(&[("flags", flags), ("size", &bytes)])
    };
    let same = agents.len() == asked.gpus.len()
        && agents.iter().zip(&asked.gpus).all(|(agent, gpu)| {
            let mut both = agent.pools.iter().zip(&gpu.pools);
            gpu.agent.has(&[("name", &agent.name)])
                && gpu.pools.len() == agent.pools.len()
                && both.all(|(pool, record)| is_same(pool, record))
        });
    let pools = asked.gpus.iter().flat_map(|gpu| &gpu.pools);
    let pools: Vec<_> = pools.map(Record::line).collect();
    ensure!(
        same,
        "rocminfo shows {agents:?}, the other program {pools:?}"
    );
    Ok(())
}

/// The flags with which the runtime asks KFD for a page of each pool.
fn expect_requests(agents: &[Agent], asked: &Asked) -> Result<()> {
    const COHERENT: u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_COHERENT;
    const EXT_COHERENT: u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT;
    let mut pools = asked.gpus.iter().flat_map(|gpu| &gpu.pools);
    let refused = pools.find(|pool| !pool.has(&[("allocation", "0x0")]));
    ensure!(
        refused.is_none(),
        "a page is refused: {:?}",
        refused.map(Record::line)
    );
    let pools = agents.iter().flat_map(|agent| &agent.pools);
    let expected = pools.map(|pool| match short(pool) {
        "FG" => COHERENT,
        "EFG" => COHERENT | EXT_COHERENT,
        _ => 0,
    });
    let expected: Vec<u32> = expected.collect();
    let seen = asked.vram.iter().map(|f| f & (COHERENT | EXT_COHERENT));
    let seen: Vec<u32> = seen.collect();
    ensure!(
        seen == expected,
        "expected requests for VRAM with the flags {expected:x?}, seen {seen:x?}"
    );
    Ok(())
}

/// How the CPU reaches the pools of a GPU; the pools that differ from the first are named.
fn reach_of_all(grains: &[&str], gpu: &Gpu) -> Result<String> {
    let all: Vec<_> = gpu.pools.iter().map(reach).collect::<Result<_>>()?;
    let first = all.first().cloned().unwrap_or_default();
    let others = grains
        .iter()
        .zip(&all)
        .filter(|(_, reach)| **reach != first);
    let others = others.map(|(grain, reach)| format!(", but {grain} {reach}"));
    Ok(format!("{first}{}", others.collect::<String>()))
}

/// How the CPU reaches a pool, as the table has it (`hsa_amd_memory_pool_access_t` and
/// `hsa_amd_link_info_type_t`, `hsa_ext_amd.h`).
fn reach(pool: &Record) -> Result<String> {
    let link = match pool.find("link_type") {
        None => "no link",
        Some("2") => "PCIe",
        Some("4") => "XGMI",
        Some(other) => bail!("the CPU reaches the pool by a link of type {other}"),
    };
    let hops = if link == "no link" { "0" } else { "1" };
    pool.expect(&[("hops", hops)])?;
    Ok(match pool.get("cpu_access")? {
        "0" => "never the CPU".into(),
        "1" => format!("the CPU by {link}"),
        "2" => format!("the CPU on request, by {link}"),
        other => bail!("the CPU has access {other} to the pool"),
    })
}
