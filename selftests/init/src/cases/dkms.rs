// SPDX-License-Identifier: GPL-2.0

//! KFD's topology in the form of AMD's package amdgpu-dkms: some lines are missing, and banks have
//! one more file.

use std::fs;

use anyhow::{ensure, Context, Result};
use modproof_guest::modules;
use modproof_guest::Ctx;

use super::{held, lies};
use crate::fixture::{Card, TREE};
use crate::guard;
use crate::kfd;
use crate::truth::View;

/// The lines that the oldest of these packages lacks.
const LACKING: [&str; 4] = ["capability2", "cwsr_size", "ctl_stack_size", "num_xcc"];

/// Tests honest cards, each lie, and cards whose node KFD has not filled.
pub fn amdgpu_dkms(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    let parameter = modules::parameter(TREE.name(), "dkms");
    fs::write(&parameter, "Y").with_context(|| format!("write {}", parameter.display()))?;
    guard::load(&ctx.modules)?;
    for (rule, bars) in lies::ALL {
        for bar in *bars {
            lies::lie_of(TREE, rule, bar).with_context(|| format!("{rule}, with a {bar} BAR"))?;
        }
    }
    let card = TREE.add(5, "board=5600xt")?;
    expect_as_dkms(&card)?;
    View::read()?.expect_truth(&card)?;
    for place in ["fill", "ids", "links"] {
        held::hold_at(ctx, place).with_context(|| format!("held at {place}"))?;
    }
    guard::unload()
}

/// Demands that the fixture publishes that form; otherwise the case tests nothing.
fn expect_as_dkms(card: &Card) -> Result<()> {
    let node = kfd::node(card.node());
    let properties = fs::read_to_string(node.join("properties")).context("read the node")?;
    for line in properties.lines() {
        ensure!(
            !LACKING.iter().any(|key| line.starts_with(key)),
            "the node has the line {line:?}"
        );
    }
    for path in ["mem_banks/0/used_memory", "perf"] {
        ensure!(node.join(path).exists(), "the node has no {path}");
    }
    Ok(())
}
