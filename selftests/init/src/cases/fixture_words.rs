// SPDX-License-Identifier: GPL-2.0

//! The fixture's own words: each makes in sysfs what the real machine has, as
//! read without the module. The other cases rely on that.

use std::fs;
use std::path::PathBuf;

use anyhow::{ensure, Context, Result};

use super::trouble::expect_nonsense;
use crate::ctx::Ctx;
use crate::fixture::{Card, Fixture, TREE};
use crate::kfd;

/// A file or folder below a PCI function.
fn below(gpu: &str, name: &str) -> PathBuf {
    PathBuf::from("/sys/bus/pci/devices").join(gpu).join(name)
}

fn expect_attribute(gpu: &str, name: &str, expected: &str) -> Result<()> {
    let seen = kfd::pci_attribute(gpu, name)?;
    ensure!(
        seen == expected,
        "{gpu}: {name}: expected {expected}, seen {seen}"
    );
    Ok(())
}

/// The render minor in the function's folder `drm`, which must also hold the primary node.
fn live_minor(gpu: &str) -> Result<Option<String>> {
    let folder = below(gpu, "drm");
    if !folder.exists() {
        return Ok(None);
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let [primary, render] = names.as_slice() else {
        anyhow::bail!("{}: expected two folders, seen {names:?}", folder.display());
    };
    let minor = render.strip_prefix("renderD").context("no render node")?;
    ensure!(primary.starts_with("card"), "no primary node: {names:?}");
    Ok(Some(minor.to_owned()))
}

/// Demands the files of a driver that has finished its probe.
fn expect_driven(card: &Card, minor: &str, mec_fw: u32) -> Result<()> {
    let gpu = card.gpu();
    let driver = kfd::pci_driver(gpu)?;
    ensure!(
        driver.as_deref() == Some("amdgpu"),
        "{gpu}: expected the driver amdgpu, seen {driver:?}"
    );
    expect_attribute(gpu, "mem_info_vram_total", card.get("vram_bytes")?)?;
    expect_attribute(gpu, "fw_version/mec_fw_version", &format!("{mec_fw:#010x}"))?;
    let seen = live_minor(gpu)?;
    ensure!(
        seen.as_deref() == Some(minor),
        "{gpu}: expected the render minor {minor}, seen {seen:?}"
    );
    ensure!(card.get("driver")? == "1", "state: expected driver=1");
    Ok(())
}

/// Demands that no driver has the function.
fn expect_no_driver(card: &Card) -> Result<()> {
    let gpu = card.gpu();
    let driver = kfd::pci_driver(gpu)?;
    ensure!(
        driver.is_none(),
        "{gpu}: expected no driver, seen {driver:?}"
    );
    for name in ["mem_info_vram_total", "fw_version", "drm"] {
        ensure!(!below(gpu, name).exists(), "{gpu} has {name}");
    }
    ensure!(card.get("driver")? == "0", "state: expected driver=0");
    Ok(())
}

/// What KFD says of a card's node.
fn node_property(card: &Card, name: &str) -> Result<u64> {
    kfd::property(&kfd::node(card.node()).join("properties"), name)
}

/// A driver has each card that KFD has, unless it is told otherwise.
pub fn driver(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    drivers_files(TREE)?;
    for (command, word) in [
        ("add slot=0 driver=2", "driver"),
        ("add slot=0 driver=1 probe=1", "driver=0"),
        ("add slot=0 mec_fw=x", "mec_fw"),
        ("add slot=0 domain=-1", "domain"),
        ("add slot=0 numa=99", "numa"),
        ("add slot=0 bar=huge", "huge"),
    ] {
        expect_nonsense(ctx, TREE, command, word)?;
    }
    Ok(())
}

/// The words about the driver, each with what sysfs shows then.
pub fn drivers_files(fixture: Fixture) -> Result<()> {
    let card = fixture.add(0, "")?;
    expect_driven(&card, "128", 156)?;
    let minor = node_property(&card, "drm_render_minor")?;
    ensure!(minor == 128, "expected drm_render_minor 128, seen {minor}");

    let card = fixture.add(1, "driver=0")?;
    expect_no_driver(&card)?;
    ensure!(card.node() != "-1", "KFD has no node");

    let card = fixture.add(2, "kfd=0")?;
    expect_no_driver(&card)?;
    let card = fixture.add(3, "kfd=0 driver=1")?;
    expect_driven(&card, "131", 156)?;
    ensure!(card.node() == "-1", "KFD has the node {}", card.node());

    // The true size, whatever KFD says.
    let card = fixture.add(4, "board=5600xt mec_fw=140 lie=bank-size bar=small")?;
    expect_driven(&card, "132", 140)?;
    let claimed = card.get("bank_bytes")?;
    ensure!(
        claimed != card.get("vram_bytes")?,
        "no lie is told of {claimed} bytes"
    );

    let card = fixture.add(5, "domain=0x1abcd numa=0 bar=partial")?;
    ensure!(card.gpu() == "1abcd:03:00.0", "seen {}", card.gpu());
    expect_driven(&card, "133", 156)?;
    expect_attribute(card.gpu(), "numa_node", "0")?;
    let domain = node_property(&card, "domain")?;
    ensure!(domain == 0x1abcd, "KFD prints the domain {domain:#x}");
    let bar = kfd::bar0_bytes(card.gpu())?;
    ensure!(bar == 1 << 30, "bar=partial: seen {bar} bytes");
    ensure!(card.get("bar")? == "partial", "state: expected bar=partial");
    let bank = kfd::node(card.node()).join("mem_banks/0/properties");
    let heap = kfd::property(&bank, "heap_type")?;
    ensure!(
        heap == 2,
        "bar=partial: expected a private heap, seen {heap}"
    );

    for slot in 0..6 {
        fixture.remove(slot)?;
    }
    Ok(())
}
