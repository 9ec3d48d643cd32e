// SPDX-License-Identifier: GPL-2.0

//! What AMD's runtime makes of what KFD says: each case is a row of the table in docs/truth.md,
//! section 9, in the column of the runtime that this guest has.

use std::fs;

use anyhow::{bail, ensure, Context, Result};
use kfd_uapi as uapi;
use modproof_guest::{Case, Ctx, Skip};

use super::lies;
use super::stock::need_amdgpu;
use crate::ctl;
use crate::fixture::{Card, STOCK};
use crate::guard;
use crate::kfd;
use crate::report::Record;
use crate::rocr::{self, Agent, Asked, Environment};
use crate::truth::View;

/// The suite for a boot with the stock amdgpu.ko.
pub const CASES: &[Case] = &[
    Case::new("honest-5700xt-large-bar", |ctx| {
        row(ctx, "5700 XT, large BAR", "board=5700xt bar=large", &[])
    }),
    Case::new("honest-5700xt-small-bar", |ctx| {
        row(ctx, "5700 XT, small BAR", "board=5700xt bar=small", &[])
    }),
    Case::new("honest-5600xt-large-bar", |ctx| {
        row(ctx, "5600 XT, large BAR", "board=5600xt bar=large", &[])
    }),
    Case::new("honest-5600xt-small-bar", |ctx| {
        row(ctx, "5600 XT, small BAR", "board=5600xt bar=small", &[])
    }),
    Case::new("lie-bank-flags", |ctx| lie(ctx, "bank-flags")),
    Case::new("lie-gfx-version", |ctx| lie(ctx, "gfx-version")),
    Case::new("lie-hive-id", |ctx| lie(ctx, "hive-id")),
    Case::new("lie-pci-identity", |ctx| lie(ctx, "pci-identity")),
    Case::new("lie-heap-type", |ctx| lie(ctx, "heap-type")),
    Case::new("lie-bank-count", |ctx| lie(ctx, "bank-count")),
    Case::new("lie-bank-size", |ctx| lie(ctx, "bank-size")),
    Case::new("lie-xgmi", |ctx| lie(ctx, "xgmi")),
    Case::new("lie-host-coherent", |ctx| lie(ctx, "host-coherent")),
    Case::new("lie-link-coherent", |ctx| lie(ctx, "link-coherent")),
    Case::new("lie-heap-bar", |ctx| lie(ctx, "heap-bar")),
    Case::new("lie-xgmi-link", |ctx| {
        let words = "board=5700xt bar=large lie=xgmi-link";
        row(ctx, "lie: xgmi, by the type of the link", words, &[])
    }),
    Case::new("override", |ctx| {
        set(ctx, "HSA_OVERRIDE_GFX_VERSION", "10.3.0")
    }),
    // The card's node is 1.
    Case::new("override-of-the-node", |ctx| {
        set(ctx, "HSA_OVERRIDE_GFX_VERSION_1", "10.3.0")
    }),
    Case::new("forced-fine-grained", |ctx| set(ctx, FORCE, "1")),
    Case::new("liar-beside-honest-card", liar_beside_honest_card),
    Case::new("every-row-has-a-case", every_row_has_a_case),
    Case::new("another-size-is-seen", another_size_is_seen),
    Case::new("another-pool-is-seen", another_pool_is_seen),
    Case::new("rocminfo-run-by-rdna1ctl", run_by_rdna1ctl),
];

/// Makes the runtime offer VRAM as fine-grained on PCI Express.
const FORCE: &str = "HSA_FORCE_FINE_GRAIN_PCIE";
/// The page with the table.
const PAGE: &str = include_str!("../../../../docs/truth.md");
/// How the table begins.
const HEAD: &str = "| what is tried |";

fn add(ctx: &Ctx, words: &str) -> Result<Card> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    STOCK.add(0, words)
}

fn row(ctx: &mut Ctx, label: &str, words: &str, environment: Environment) -> Result<()> {
    let card = add(ctx, words)?;
    let cell = ask(&[&card], environment)?;
    expect_cell(ctx, label, &cell)
}

fn set(ctx: &mut Ctx, name: &str, value: &str) -> Result<()> {
    let label = format!("{name}={value}");
    row(ctx, &label, "board=5700xt bar=large", &[(name, value)])
}

/// The module tells the lie, and the runtime is asked what it makes of it.
fn lie(ctx: &mut Ctx, rule: &str) -> Result<()> {
    let found = lies::ALL.iter().find(|(name, _)| *name == rule);
    let (_, bars) = found.with_context(|| format!("{rule} is no rule"))?;
    let bar = bars.first().context("no BAR shows this lie")?;
    let card = add(ctx, &format!("board=5700xt bar={bar} lie={rule}"))?;
    guard::load(&ctx.modules)?;
    View::read()?.expect_lie(&card, rule)?;
    guard::unload()?;
    let cell = ask(&[&card], &[])?;
    let where_small = if *bar == "small" { " (small BAR)" } else { "" };
    expect_cell(ctx, &format!("lie: {rule}{where_small}"), &cell)
}

fn liar_beside_honest_card(ctx: &mut Ctx) -> Result<()> {
    let honest = add(ctx, "board=5700xt bar=large")?;
    let liar = STOCK.add(1, "board=5700xt bar=large lie=hive-id")?;
    let cell = ask(&[&honest, &liar], &[])?;
    expect_cell(ctx, "honest card, and one with lie: hive-id", &cell)
}

/// Asks both programs, and demands that all they say of memory is in sysfs. Gives the cell of the table.
fn ask(cards: &[&Card], environment: Environment) -> Result<String> {
    let agents = match rocr::rocminfo(environment)? {
        Ok(agents) => agents,
        Err(failure) => return Ok(failure),
    };
    expect_memory(cards, &agents, environment)?;
    let asked = rocr::pools(environment)?;
    expect_same(&agents, &asked)?;
    expect_requests(&agents, &asked)?;
    let told = agents.iter().zip(&asked.gpus).map(|(agent, gpu)| {
        let grains: Vec<_> = agent.pools.iter().map(|pool| short(&pool.grain)).collect();
        let Some(pool) = gpu.pools.first() else {
            return Ok(format!("{}: no pool", agent.name));
        };
        let name = &agent.name;
        Ok(format!("{name}: {}; {}", grains.join(", "), reach(pool)?))
    });
    Ok(told.collect::<Result<Vec<_>>>()?.join("; and "))
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

/// The grain as the table has it.
fn short(grain: &str) -> &str {
    match grain {
        "COARSE GRAINED" => "CG",
        "EXTENDED FINE GRAINED" => "EFG",
        "FINE GRAINED" => "FG",
        other => other,
    }
}

/// Sizes are those of the banks in sysfs, and fine-grained memory is offered just where KFD names an
/// XGMI hive, or a variable asks for it.
fn expect_memory(cards: &[&Card], agents: &[Agent], environment: Environment) -> Result<()> {
    ensure!(
        agents.len() == cards.len(),
        "expected {} GPUs, seen {agents:?}",
        cards.len()
    );
    let forced = environment.iter().any(|(name, _)| *name == FORCE);
    for (card, agent) in cards.iter().zip(agents) {
        let node = kfd::node(card.node());
        let in_hive = kfd::property(&node.join("properties"), "hive_id")? != 0;
        let has_fine = agent.pools.iter().any(|pool| short(&pool.grain) == "FG");
        ensure!(
            agent.pools.is_empty() || has_fine == (in_hive || forced),
            "a hive in sysfs: {in_hive}; seen {:?}",
            agent.pools
        );
        let bank = node.join("mem_banks/0/properties");
        let bytes = kfd::property(&bank, "size_in_bytes")?;
        let wrong = agent.pools.iter().find(|pool| pool.kib != bytes / 1024);
        ensure!(
            wrong.is_none(),
            "sysfs has {bytes} bytes, the runtime has {wrong:?}"
        );
    }
    Ok(())
}

/// Both programs asked the same runtime.
fn expect_same(agents: &[Agent], asked: &Asked) -> Result<()> {
    let same = agents.len() == asked.gpus.len()
        && agents.iter().zip(&asked.gpus).all(|(agent, gpu)| {
            gpu.agent.has(&[("name", &agent.name)]) && gpu.pools.len() == agent.pools.len()
        });
    ensure!(same, "rocminfo shows other GPUs or pools: {agents:?}");
    Ok(())
}

/// What the runtime asks of KFD for a page of each pool.
fn expect_requests(agents: &[Agent], asked: &Asked) -> Result<()> {
    const COHERENT: u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_COHERENT;
    const EXT_COHERENT: u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT;
    let pools = asked.gpus.iter().flat_map(|gpu| &gpu.pools);
    let refused = pools.filter(|pool| !pool.has(&[("allocation", "0x0")]));
    ensure!(refused.count() == 0, "a page of a pool is refused");
    let grains = agents.iter().flat_map(|agent| &agent.pools);
    let expected: Vec<u32> = grains
        .map(|pool| match short(&pool.grain) {
            "FG" => COHERENT,
            "EFG" => COHERENT | EXT_COHERENT,
            _ => 0,
        })
        .collect();
    let seen = asked.vram.iter().map(|f| f & (COHERENT | EXT_COHERENT));
    let seen: Vec<u32> = seen.collect();
    ensure!(
        seen == expected,
        "expected requests for VRAM with the flags {expected:x?}, seen {seen:x?}"
    );
    Ok(())
}

/// A runtime, as the head of the table names it.
fn runtime() -> Result<String> {
    let [program, library] = ["rocminfo", "libhsa-runtime64-1"].map(rocr::version);
    Ok(format!("rocminfo {}, ROCr {}", program?, library?))
}

/// The rows of the table, the head among them, each as its cells.
fn table() -> Vec<Vec<&'static str>> {
    let lines = PAGE.lines().skip_while(|line| !line.starts_with(HEAD));
    let rows = lines.take_while(|line| line.starts_with('|'));
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    rows.map(cells).collect()
}

fn expect_cell(ctx: &mut Ctx, label: &str, cell: &str) -> Result<()> {
    let runtime = runtime()?;
    ctx.note(format!("{runtime}: {label}: {cell}"));
    let table = table();
    let head = table.first().context("docs/truth.md has no table")?;
    let Some(column) = head.iter().position(|cell| *cell == runtime) else {
        return Err(Skip(format!("docs/truth.md has no column for {runtime}")).into());
    };
    let row = table.iter().find(|row| row.first() == Some(&label));
    let expected = row.and_then(|row| row.get(column)).copied();
    ensure!(
        expected == Some(cell),
        "docs/truth.md says of {label}: {expected:?}, {runtime} says {cell:?}"
    );
    Ok(())
}

/// No row is left over from a case that is gone.
fn every_row_has_a_case(_: &mut Ctx) -> Result<()> {
    let rows = table().len().saturating_sub(2);
    let others = [
        "every-row-has-a-case",
        "another-size-is-seen",
        "another-pool-is-seen",
        "rocminfo-run-by-rdna1ctl",
    ];
    let cases = CASES.len() - others.len();
    ensure!(
        rows == cases,
        "docs/truth.md has {rows} rows, this suite {cases}"
    );
    Ok(())
}

fn another_size_is_seen(ctx: &mut Ctx) -> Result<()> {
    let why = "bytes, the runtime has";
    with_another_value(ctx, "mem_banks/0/properties", "size_in_bytes", why)
}

fn another_pool_is_seen(ctx: &mut Ctx) -> Result<()> {
    with_another_value(ctx, "properties", "hive_id", "a hive in sysfs: false")
}

/// The runtime reads 4096 in the place of a value in a file of the card's node: the comparison with sysfs
/// must fail, and say why.
fn with_another_value(ctx: &mut Ctx, file: &str, key: &str, why: &str) -> Result<()> {
    const OTHER: &str = "/tmp/properties";
    let card = add(ctx, "board=5700xt bar=large")?;
    let text = fs::read_to_string(kfd::node(card.node()).join(file))?;
    let lines = text.lines().map(|line| match line.split_once(' ') {
        Some((name, _)) if name == key => format!("{key} 4096\n"),
        _ => format!("{line}\n"),
    });
    fs::write(OTHER, lines.collect::<String>())?;
    let end = format!("/nodes/{}/{file}", card.node());
    match ask(&[&card], &rocr::with_other_file(&end, OTHER)) {
        Ok(cell) => bail!("the runtime read another {key}, and nobody saw it: {cell}"),
        Err(error) => {
            let said = format!("{error:#}");
            ensure!(said.contains(why), "another {key}: {said}");
            Ok(())
        }
    }
}

/// rdna1ctl shows what the runtime asked of KFD, and how the program ended; and runs none on a liar.
fn run_by_rdna1ctl(ctx: &mut Ctx) -> Result<()> {
    add(ctx, "board=5700xt bar=large")?;
    ensure!(
        ctl::says(&["status"], 0)?.contains("truth"),
        "status: no truth"
    );
    for (program, words) in [
        (
            rocr::ROCMINFO,
            &[
                "MIOPEN_FIND_MODE=2",
                "gtt",
                "The command ended well (status 0).",
            ][..],
        ),
        // A page of the coarse-grained pool, and one of the extended fine-grained.
        (rocr::POOLS, &["vram 2 1 1 0 1 0"][..]),
    ] {
        let (ended, said) = run(program)?;
        let lines = said
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let lines: Vec<_> = lines.collect();
        for word in words {
            ensure!(
                ended == Some(0) && lines.iter().any(|line| line.contains(word)),
                "run {program}: expected 0 and {word:?}, seen {ended:?} and\n{said}"
            );
        }
    }
    STOCK.set(0, "hive_id=1")?;
    let (ended, said) = run(rocr::ROCMINFO)?;
    ensure!(
        ended == Some(125) && said.contains("hive-id"),
        "run on a liar: expected 125, seen {ended:?} and\n{said}"
    );
    Ok(())
}

fn run(program: &str) -> Result<(Option<i32>, String)> {
    let mut command = ctl::command(&["run", "--", program])?;
    let output = command.envs([rocr::preload()]).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.code(), said))
}
