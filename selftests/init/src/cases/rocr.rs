// SPDX-License-Identifier: GPL-2.0

//! AMD's runtime beside what KFD says of a card. Each row of the table in docs/truth.md, section 9,
//! is a case, in the column of the runtime that this guest has.

mod compare;
mod rows;

use std::fs;

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::{Case, Ctx, Skip};

use super::stock::need_amdgpu;
use crate::ctl;
use crate::fixture::{Card, STOCK};
use crate::guard;
use crate::kfd;
use crate::rocr::{self, pools, rocminfo, Environment};
use crate::truth::View;
use compare::ask;
use rows::{find, Row};

/// The suite for a boot with the stock amdgpu.ko.
pub const CASES: &[Case] = &[
    Case::new("honest-5700xt-large-bar", |ctx| {
        row(ctx, "5700 XT, large BAR")
    }),
    Case::new("honest-5700xt-small-bar", |ctx| {
        row(ctx, "5700 XT, small BAR")
    }),
    Case::new("honest-5600xt-large-bar", |ctx| {
        row(ctx, "5600 XT, large BAR")
    }),
    Case::new("honest-5600xt-small-bar", |ctx| {
        row(ctx, "5600 XT, small BAR")
    }),
    Case::new("lie-bank-flags", |ctx| row(ctx, "lie: bank-flags")),
    Case::new("lie-gfx-version", |ctx| row(ctx, "lie: gfx-version")),
    Case::new("lie-gfx-version-11", |ctx| {
        row(ctx, "lie: gfx-version, a major version above 10")
    }),
    Case::new("lie-hive-id", |ctx| row(ctx, "lie: hive-id")),
    Case::new("lie-pci-identity", |ctx| row(ctx, "lie: pci-identity")),
    Case::new("lie-heap-type", |ctx| row(ctx, "lie: heap-type")),
    Case::new("lie-bank-count", |ctx| row(ctx, "lie: bank-count")),
    Case::new("lie-bank-count-0", |ctx| {
        row(ctx, "lie: bank-count, none listed")
    }),
    Case::new("lie-bank-size", |ctx| row(ctx, "lie: bank-size")),
    Case::new("lie-bank-size-0", |ctx| row(ctx, "lie: bank-size, 0 bytes")),
    Case::new("lie-xgmi", |ctx| row(ctx, "lie: xgmi")),
    Case::new("lie-xgmi-link", |ctx| {
        row(ctx, "lie: xgmi, by the type of the link")
    }),
    Case::new("lie-host-coherent", |ctx| row(ctx, "lie: host-coherent")),
    Case::new("lie-link-coherent", |ctx| row(ctx, "lie: link-coherent")),
    Case::new("lie-heap-bar", |ctx| row(ctx, "lie: heap-bar (small BAR)")),
    Case::new("override", |ctx| {
        row(ctx, "HSA_OVERRIDE_GFX_VERSION=10.3.0")
    }),
    Case::new("override-of-the-node", |ctx| {
        row(ctx, "HSA_OVERRIDE_GFX_VERSION_1=10.3.0")
    }),
    Case::new("forced-fine-grained", |ctx| {
        row(ctx, "HSA_FORCE_FINE_GRAIN_PCIE=1")
    }),
    Case::new("forced-fine-grained-small-bar", |ctx| {
        row(ctx, "HSA_FORCE_FINE_GRAIN_PCIE=1, small BAR")
    }),
    Case::new("liar-beside-honest-card", liar_beside_honest_card),
    Case::new("another-size-is-seen", another_size_is_seen),
    Case::new("another-pool-is-seen", another_pool_is_seen),
    Case::new("rdna1ctl-runs-rocminfo", rdna1ctl_runs_rocminfo),
    Case::new("rdna1ctl-shows-requests", rdna1ctl_shows_requests),
    Case::new("rdna1ctl-runs-nothing-on-a-liar", rdna1ctl_refuses_a_liar),
];

fn add(ctx: &Ctx, words: &str) -> Result<Card> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    STOCK.add(0, words)
}

/// The module tells the lie, and the runtime answers as its cell says. After that the fixture takes
/// a lie back that blinds the runtime: it must find the card then.
fn row(ctx: &mut Ctx, label: &str) -> Result<()> {
    let row = find(label)?;
    let card = add(ctx, row.card)?;
    ensure!(card.node() == "1", "the card is node {}", card.node());
    if !row.set.is_empty() {
        STOCK.set(0, row.set)?;
    }
    if let Some(rule) = row.rule {
        guard::load(&ctx.modules)?;
        View::read()?.expect_lie(&card, rule)?;
        guard::unload()?;
    }
    let cell = ask(&[(&card, row)])?;
    if !row.undo.is_empty() {
        STOCK.set(0, row.undo)?;
        ask(&[(&card, find("5700 XT, large BAR")?)]).context("without the lie")?;
    }
    expect_cell(ctx, label, &cell)
}

fn liar_beside_honest_card(ctx: &mut Ctx) -> Result<()> {
    let [honest, liar] = ["5700 XT, large BAR", "lie: hive-id"].map(find);
    let (honest, liar) = (honest?, liar?);
    let first = add(ctx, honest.card)?;
    let second = STOCK.add(1, liar.card)?;
    let cell = ask(&[(&first, honest), (&second, liar)])?;
    expect_cell(ctx, rows::BOTH, &cell)
}

/// The runtime, as the head of the table names it.
fn runtime() -> Result<String> {
    let [program, library] = ["rocminfo", "libhsa-runtime64-1"].map(rocr::version);
    let named = format!("rocminfo {}, ROCr {}", program?, library?);
    // Newer runtimes have it linked in.
    Ok(match rocr::version("libhsakmt1") {
        Ok(reader) => format!("{named}, libhsakmt {reader}"),
        Err(_) => named,
    })
}

fn expect_cell(ctx: &mut Ctx, label: &str, cell: &str) -> Result<()> {
    let runtime = runtime()?;
    ctx.note(format!("{runtime}: {label}: {cell}"));
    let table = rows::table();
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

fn another_size_is_seen(ctx: &mut Ctx) -> Result<()> {
    let why = "bytes, the runtime has";
    with_another_value(ctx, "mem_banks/0/properties", "size_in_bytes", why)
}

fn another_pool_is_seen(ctx: &mut Ctx) -> Result<()> {
    with_another_value(ctx, "properties", "hive_id", "a hive in sysfs: false")
}

/// The runtime reads 4096 in the place of a value in a file of the card's node: the comparison with
/// sysfs must fail, and say why.
fn with_another_value(ctx: &mut Ctx, file: &str, key: &str, why: &str) -> Result<()> {
    const OTHER: &str = "/tmp/properties";
    let honest = find("5700 XT, large BAR")?;
    let card = add(ctx, honest.card)?;
    let text = fs::read_to_string(kfd::node(card.node()).join(file))?;
    let lines = text.lines().map(|line| match line.split_once(' ') {
        Some((name, _)) if name == key => format!("{key} 4096\n"),
        _ => format!("{line}\n"),
    });
    fs::write(OTHER, lines.collect::<String>())?;
    let end = format!("/nodes/{}/{file}", card.node());
    let environment = &rocr::with_other_file(&end, OTHER);
    let row = Row {
        environment,
        ..*honest
    };
    match ask(&[(&card, &row)]) {
        Ok(cell) => bail!("the runtime read another {key}, and nobody saw it: {cell}"),
        Err(error) => {
            let said = format!("{error:#}");
            ensure!(said.contains(why), "another {key}: {said}");
            Ok(())
        }
    }
}

/// rdna1ctl takes an override and a forced pool out of the environment: rocminfo shows the card as
/// it is.
fn rdna1ctl_runs_rocminfo(ctx: &mut Ctx) -> Result<()> {
    add(ctx, "board=5700xt bar=large")?;
    let wrong = [
        ("HSA_OVERRIDE_GFX_VERSION", "10.3.0"),
        ("HSA_FORCE_FINE_GRAIN_PCIE", "1"),
    ];
    let (ended, text, said) = run(rocminfo::PROGRAM, &wrong)?;
    let unset = wrong.map(|(name, _)| format!("rdna1ctl: {name} is unset"));
    ensure!(
        ended == Some(0) && unset.iter().all(|line| said.contains(line)),
        "expected 0 and {unset:?}, seen {ended:?} and\n{said}"
    );
    let agents = rocminfo::parse(&text)?;
    let [agent] = agents.as_slice() else {
        bail!("expected one GPU, rocminfo shows {agents:?}");
    };
    let grains: Vec<_> = agent.pools.iter().map(|pool| &*pool.grain).collect();
    ensure!(
        agent.name == "gfx1010" && grains == ["COARSE GRAINED", "EXTENDED FINE GRAINED"],
        "rocminfo under rdna1ctl shows {agents:?}"
    );
    Ok(())
}

/// rdna1ctl counts what the runtime asks of KFD for a page of each pool.
fn rdna1ctl_shows_requests(ctx: &mut Ctx) -> Result<()> {
    add(ctx, "board=5700xt bar=large")?;
    let (ended, _, said) = run(pools::PROGRAM, &[])?;
    let mut lines = said
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    // MEMORY REQUESTS COARSE COHERENT UNCACHED EXT_COHERENT QUEUE
    const VRAM: &str = "vram 2 1 1 0 1 0";
    ensure!(
        ended == Some(0) && lines.any(|line| line == VRAM),
        "expected 0 and {VRAM:?}, seen {ended:?} and\n{said}"
    );
    Ok(())
}

fn rdna1ctl_refuses_a_liar(ctx: &mut Ctx) -> Result<()> {
    add(ctx, "board=5700xt bar=large lie=hive-id")?;
    let (ended, text, said) = run(rocminfo::PROGRAM, &[])?;
    ensure!(
        ended == Some(125) && text.is_empty() && said.contains("hive-id"),
        "run on a liar: expected 125, seen {ended:?} and\n{text}{said}"
    );
    Ok(())
}

/// Runs a program under rdna1ctl: its status, its output, and what rdna1ctl says.
fn run(program: &str, environment: Environment) -> Result<(Option<i32>, String, String)> {
    let mut command = ctl::command(&["run", "--", program])?;
    command.envs([rocr::preload()]);
    let output = command.envs(environment.iter().copied()).output()?;
    let [text, said] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    rocr::expect_no_complaint(&said)?;
    Ok((output.status.code(), text, said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::lies;

    /// Each row of the table is tried, and nothing else stands there.
    #[test]
    fn the_table_has_the_rows_that_are_tried() {
        let table = rows::table();
        let labels: Vec<_> = table.iter().skip(2).filter_map(|row| row.first()).collect();
        let tried: Vec<_> = rows::labels().collect();
        assert_eq!(labels, tried.iter().collect::<Vec<_>>());
        let of_rows = CASES
            .iter()
            .position(|case| case.name == "liar-beside-honest-card");
        assert_eq!(of_rows, Some(tried.len() - 1));
    }

    #[test]
    fn each_rule_has_a_row() {
        for (rule, _) in lies::ALL {
            assert!(
                rows::ROWS.iter().any(|row| row.rule == Some(rule)),
                "{rule}"
            );
        }
    }
}
