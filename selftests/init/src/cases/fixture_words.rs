// SPDX-License-Identifier: GPL-2.0

//! Tests the fixture itself, without the module: each word of its commands must produce in sysfs
//! what a real machine shows. The other suites rely on that.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::Ctx;

use super::trouble::expect_nonsense;
use crate::fixture::{Card, Fixture, TREE};
use crate::kfd;

/// The path of a file or folder below a PCI function.
pub fn below(gpu: &str, name: &str) -> PathBuf {
    PathBuf::from("/sys/bus/pci/devices").join(gpu).join(name)
}

pub fn expect_attribute(gpu: &str, name: &str, expected: &str) -> Result<()> {
    let seen = kfd::pci_attribute(gpu, name)?;
    ensure!(
        seen == expected,
        "{gpu}: {name}: expected {expected}, seen {seen}"
    );
    Ok(())
}

/// The render minor in the function's folder `drm`, which must also have a primary node.
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
        bail!("{}: expected two folders, seen {names:?}", folder.display());
    };
    let minor = render.strip_prefix("renderD").context("no render node")?;
    ensure!(primary.starts_with("card"), "no primary node: {names:?}");
    Ok(Some(minor.to_owned()))
}

/// Demands the files of a driver that has finished its probe.
pub fn expect_driven(card: &Card, minor: &str, mec_fw: u32) -> Result<()> {
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

/// Demands that no driver is bound to the function.
pub fn expect_no_driver(card: &Card) -> Result<()> {
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

/// A property of the card's KFD node.
pub fn node_property(card: &Card, name: &str) -> Result<u64> {
    kfd::property(&kfd::node(card.node()).join("properties"), name)
}

/// A card in KFD has a driver unless its words say otherwise.
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

/// Checks the sysfs files for each word about the driver.
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

    // The driver's files show the true size, even if KFD claims another.
    let card = fixture.add(4, "board=5600xt mec_fw=140 lie=bank-size bar=small")?;
    expect_driven(&card, "132", 140)?;
    let claimed = card.get("bank_bytes")?;
    ensure!(
        claimed != card.get("vram_bytes")?,
        "{claimed} bytes are no lie"
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

/// Other boards beside a Navi10, each with its own KFD version.
pub fn other_gpus(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    boards(ctx, TREE)?;
    for (command, word) in [
        ("add slot=0 board=raphael bar=large", "bar=small"),
        ("add slot=0 board=rx6600 lie=hive-id", "lie="),
        ("add slot=0 board=raphael cus=4", "cus"),
    ] {
        expect_nonsense(ctx, TREE, command, word)?;
    }
    Ok(())
}

/// The types of a node's links, by the node that they lead to.
fn link_types(node: &str) -> Result<BTreeMap<u64, u64>> {
    let mut types = BTreeMap::new();
    for link in fs::read_dir(kfd::node(node).join("io_links"))? {
        let properties = link?.path().join("properties");
        types.insert(
            kfd::property(&properties, "node_to")?,
            kfd::property(&properties, "type")?,
        );
    }
    Ok(types)
}

/// Checks KFD's node, bank and links for each board.
pub fn boards(ctx: &mut Ctx, fixture: Fixture) -> Result<()> {
    const XGMI: u64 = 11;
    const PCIE: u64 = 2;
    for (slot, board, device, gfx, heap) in [
        (0, "5600xt", 0x731f, 100_100, 1),
        (1, "rx6600", 0x73ff, 100_302, 1),
        (2, "mi100", 0x738c, 90_008, 1),
        (3, "mi250a", 0x7408, 90_010, 1),
        (4, "raphael", 0x164e, 100_306, 1),
        (5, "mi100", 0x738c, 90_008, 1),
        (6, "mi100 bar=small", 0x738c, 90_008, 2),
    ] {
        let card = fixture.add(slot, &format!("board={board}"))?;
        let seen = (
            node_property(&card, "device_id")?,
            node_property(&card, "gfx_target_version")?,
        );
        ensure!(
            seen == (device, gfx),
            "{board}: device and version {seen:?}"
        );
        let name = board.split(' ').next();
        ensure!(Some(card.get("board")?) == name, "state: another board");
        expect_attribute(card.gpu(), "device", &format!("{device:#06x}"))?;
        let bank = kfd::node(card.node()).join("mem_banks/0/properties");
        let seen = kfd::property(&bank, "heap_type")?;
        ensure!(seen == heap, "{board}: expected heap {heap}, seen {seen}");
        let bytes = kfd::property(&bank, "size_in_bytes")?.to_string();
        ensure!(bytes == card.get("vram_bytes")?, "{board}: {bytes} bytes");
        ctx.note(format!(
            "{board}: {} hive {:#x} bar0 {:#x} links {:?}",
            fs::read_to_string(kfd::node(card.node()).join("name"))?.trim(),
            node_property(&card, "hive_id")?,
            kfd::bar0_bytes(card.gpu())?,
            link_types(card.node())?
        ));
    }

    let node = |slot| -> Result<u64> { Ok(fixture.card(slot)?.node().parse()?) };
    let hive = [node(2)?, node(5)?, node(6)?];
    for own in hive {
        let links = link_types(&own.to_string())?;
        for other in hive.iter().filter(|other| **other != own) {
            ensure!(links.get(other) == Some(&XGMI), "node {own}: {links:?}");
        }
        ensure!(links.get(&0) == Some(&PCIE), "node {own}: {links:?}");
        ensure!(links.len() == hive.len(), "node {own}: {links:?}");
    }
    let cpu = link_types("0")?;
    ensure!(cpu.get(&node(3)?) == Some(&XGMI), "the CPU: {cpu:?}");
    ensure!(cpu.get(&node(0)?) == Some(&PCIE), "the CPU: {cpu:?}");
    // Newest first: KFD leaks the links of later cards to a card that is removed before them.
    for slot in (0..7).rev() {
        fixture.remove(slot)?;
    }
    Ok(())
}

/// Lies that no other case tests on this board or in this form.
pub fn tells_lies(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    for (bar, heap) in [("large", 1), ("partial", 2), ("small", 2)] {
        let card = TREE.add(0, &format!("board=5600xt bar={bar} lie=bank-size"))?;
        let bank = kfd::node(card.node()).join("mem_banks/0/properties");
        let seen = (
            kfd::property(&bank, "size_in_bytes")?,
            kfd::property(&bank, "heap_type")?,
        );
        ensure!(seen == (8 << 30, heap), "bar={bar}: bank {seen:?}");
        TREE.remove(0)?;
    }
    let card = TREE.add(0, "lie=xgmi-link")?;
    let (cpu, own) = (link_types("0")?, link_types(card.node())?);
    ensure!(cpu.values().any(|kind| *kind == 11), "the CPU: {cpu:?}");
    ensure!(own.values().all(|kind| *kind == 2), "the card: {own:?}");
    expect_nonsense(ctx, TREE, "add slot=1 lie=xgmi-link bar=small", "large")
}
