// SPDX-License-Identifier: GPL-2.0

//! Tests the fixture itself, without the module: cards without a driver, off the bus, in a probe,
//! or asleep, as on a real machine.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use modproof_guest::Ctx;
use nix::errno::Errno;

use super::fixture_words::{
    below, expect_attribute, expect_driven, expect_no_driver, node_property,
};
use super::trouble::expect_nonsense;
use crate::fixture::{Card, Fixture, TREE};
use crate::kfd;

fn expect_refused(fixture: Fixture, command: &str, expected: Errno) -> Result<()> {
    let error = fixture
        .control(command)
        .err()
        .with_context(|| format!("{command:?} was taken"))?;
    let errno = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error);
    ensure!(
        errno == Some(expected as i32),
        "{command:?}: expected {expected}, seen {error:#}"
    );
    Ok(())
}

fn expect_nodes(card: &Card, nodes: &str) -> Result<()> {
    let seen = card.get("nodes")?;
    ensure!(seen == nodes, "state: expected nodes={nodes}, seen {seen}");
    Ok(())
}

fn expect_minor_of_node(card: &Card, minor: u64) -> Result<()> {
    let seen = node_property(card, "drm_render_minor")?;
    ensure!(
        seen == minor,
        "node {}: expected drm_render_minor {minor}, seen {seen}",
        card.node()
    );
    Ok(())
}

/// KFD keeps a card's node while its PCI function or its driver goes and returns.
pub fn unplugs(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    nodes_outlive(TREE)?;
    // The fixture must unload cleanly from every state.
    for commands in [
        &["unbind slot=0"][..],
        &["unbind slot=0", "bind slot=0"],
        &["unplug slot=0"],
        &["unplug slot=0", "replug slot=0"],
        &["unplug slot=0", "replug slot=0 bind=0"],
        &["unplug slot=0", "replug slot=0", "unplug slot=0"],
    ] {
        TREE.add(0, "")?;
        for command in commands {
            TREE.control(command)?;
        }
        TREE.unload()?;
        TREE.load(&ctx.modules, "")?;
    }
    Ok(())
}

/// Unbinds, unplugs and replugs a card; checks which KFD nodes stay and which one is live.
pub fn nodes_outlive(fixture: Fixture) -> Result<()> {
    let control = |verb: &str| -> Result<Card> {
        fixture.control(&format!("{verb} slot=0"))?;
        fixture.card(0)
    };
    let first = fixture.add(0, "path=switch")?;
    let gpu = first.gpu().to_owned();
    expect_refused(fixture, "bind slot=0", Errno::EBUSY)?;
    expect_refused(fixture, "replug slot=0", Errno::EBUSY)?;
    expect_refused(fixture, "drop slot=0", Errno::ENODEV)?;

    let card = control("unbind")?;
    expect_no_driver(&card)?;
    expect_nodes(&card, "1")?;
    expect_minor_of_node(&card, 128)?;
    expect_refused(fixture, "unbind slot=0", Errno::ENODEV)?;
    let card = control("bind")?;
    expect_driven(&card, "448", 156)?;
    expect_nodes(&card, "1")?;
    expect_minor_of_node(&card, 128)?;

    let card = control("unplug")?;
    ensure!(!below(&gpu, "").exists(), "{gpu} is still on the bus");
    ensure!(card.gpu() == gpu, "seen another address: {}", card.gpu());
    expect_nodes(&card, "1")?;
    expect_minor_of_node(&card, 128)?;
    for verb in ["unplug", "bind", "unbind"] {
        expect_refused(fixture, &format!("{verb} slot=0"), Errno::ENODEV)?;
    }

    let card = control("replug")?;
    expect_driven(&card, "768", 156)?;
    expect_nodes(&card, "2")?;
    expect_minor_of_node(&card, 768)?;
    ensure!(card.node() != first.node(), "KFD has one node");
    for name in ["domain", "location_id", "device_id"] {
        let (old, new) = (node_property(&first, name)?, node_property(&card, name)?);
        ensure!(
            old == new,
            "{name}: {old} of the old node, {new} of the new"
        );
    }
    ensure!(kfd::bar0_bytes(&gpu)? == 8 << 30, "BAR0 has another size");

    let card = control("drop")?;
    expect_nodes(&card, "1")?;
    expect_minor_of_node(&card, 768)?;

    control("unplug")?;
    fixture.control("replug slot=0 bind=0")?;
    let card = fixture.card(0)?;
    expect_no_driver(&card)?;
    expect_nodes(&card, "1")?;
    let card = control("drop")?;
    expect_nodes(&card, "0")?;
    ensure!(card.node() == "-1", "KFD has the node {}", card.node());
    fixture.remove(0)
}

/// A probe that does not return, like one of a driver that waits for its hardware.
pub fn holds_probe(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=1")?;
    probe_held(TREE)?;
    TREE.add(0, "hold=probe")?;
    TREE.unload()?;
    expect_nonsense_of_holds(ctx)
}

fn expect_nonsense_of_holds(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    expect_nonsense(ctx, TREE, "add slot=0 hold=probe driver=0", "driver=1")?;
    expect_nonsense(ctx, TREE, "add slot=0 hold=probe kfd=0", "driver=1")
}

/// While the probe is held, the PCI core's lock is held too, and KFD does not know the card.
pub fn probe_held(fixture: Fixture) -> Result<()> {
    let card = fixture.add(0, "hold=probe")?;
    ensure!(card.get("hold")? == "probe", "state: expected hold=probe");
    ensure!(card.node() == "-1", "KFD has the node {}", card.node());
    let driver = kfd::pci_driver(card.gpu())?;
    ensure!(driver.as_deref() == Some("amdgpu"), "seen {driver:?}");
    for name in ["mem_info_vram_total", "fw_version", "drm"] {
        ensure!(!below(card.gpu(), name).exists(), "{name} is there");
    }
    for command in [
        "add slot=2",
        "remove slot=0",
        "remove slot=1",
        "unplug slot=1",
        "sleep slot=0",
    ] {
        expect_refused(fixture, command, Errno::EBUSY)?;
    }

    let rescanned = AtomicBool::new(false);
    thread::scope(|scope| -> Result<()> {
        let rescan = scope.spawn(|| {
            let done = fs::write("/sys/bus/pci/rescan", "1");
            rescanned.store(true, Ordering::SeqCst);
            done
        });
        thread::sleep(Duration::from_secs(1));
        let early = rescanned.load(Ordering::SeqCst);
        fixture.control("release slot=0")?;
        rescan.join().expect("the thread does not panic")?;
        ensure!(!early, "a rescan did not wait for the probe");
        Ok(())
    })?;
    let card = fixture.card(0)?;
    ensure!(card.get("hold")? == "none", "state: expected hold=none");
    expect_driven(&card, "128", 156)?;
    expect_nodes(&card, "1")?;
    fixture.remove(0)
}

/// The addresses of the card and of the ports above it.
fn functions(card: &Card) -> Vec<String> {
    let gpu = card.gpu();
    let domain = gpu.split(':').next().unwrap_or_default();
    let ports = ["00:01.0", "01:00.0", "02:00.0"].map(|port| format!("{domain}:{port}"));
    [vec![gpu.to_owned()], ports.to_vec()].concat()
}

fn expect_power(card: &Card, status: &str, state: &str) -> Result<()> {
    for function in functions(card) {
        expect_attribute(&function, "power/runtime_status", status)?;
        expect_attribute(&function, "power_state", state)?;
    }
    Ok(())
}

/// How often the card or a port was resumed, and their configuration spaces accessed.
fn disturbed(fixture: Fixture) -> Result<(u64, u64)> {
    let card = fixture.card(0)?;
    Ok((card.get("resumes")?.parse()?, card.get("touched")?.parse()?))
}

fn await_sleep(card: &Card) -> Result<()> {
    for _ in 0..100 {
        if expect_power(card, "suspended", "D3cold").is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    expect_power(card, "suspended", "D3cold")
}

/// The fixture counts only accesses that disturb a sleeping card.
pub fn sleeps(ctx: &mut Ctx) -> Result<()> {
    for words in ["", "driver=0", "kfd=0"] {
        TREE.load(&ctx.modules, "")?;
        asleep(ctx, TREE, words).with_context(|| format!("card with {words:?}"))?;
        TREE.control("sleep slot=0")?;
        TREE.unload()?;
    }
    TREE.load(&ctx.modules, "")?;
    TREE.add(0, "")?;
    TREE.control("sleep slot=0")?;
    TREE.remove(0)
}

/// Puts a card to sleep, disturbs it and wakes it.
pub fn asleep(ctx: &mut Ctx, fixture: Fixture, words: &str) -> Result<()> {
    let card = fixture.add(0, &format!("path=switch {words}"))?;
    let gpu = card.gpu();
    expect_power(&card, "active", "D0")?;
    expect_refused(fixture, "wake slot=0", Errno::EINVAL)?;
    fixture.control("sleep slot=0")?;
    expect_power(&card, "suspended", "D3cold")?;
    for verb in ["sleep", "unbind", "bind", "unplug"] {
        expect_refused(fixture, &format!("{verb} slot=0"), Errno::EBUSY)?;
    }

    // The PCI core answers these from memory, without access to the card.
    for name in [
        "vendor",
        "device",
        "revision",
        "resource",
        "uevent",
        "numa_node",
    ] {
        kfd::pci_attribute(gpu, name)?;
    }
    let seen = disturbed(fixture)?;
    ensure!(seen == (0, 0), "resumes, touched: {seen:?} without a cause");

    // For these, the PCI core must access the card or the port.
    let mut before = seen;
    let port = functions(&card)[1].clone();
    for (function, name) in [
        (gpu, "config"),
        (gpu, "current_link_speed"),
        (&port, "config"),
    ] {
        fs::read(below(function, name))?;
        await_sleep(&card)?;
        let after = disturbed(fixture)?;
        ctx.note(format!(
            "{words:?}: {function}/{name}: {before:?} {after:?}"
        ));
        ensure!(
            after.0 > before.0 && after.1 > before.1,
            "{function}/{name}: resumes, touched: {before:?} before, {after:?} after"
        );
        before = after;
    }

    fixture.control("wake slot=0")?;
    expect_power(&card, "active", "D0")?;
    ensure!(disturbed(fixture)? == before, "wake was counted");
    let config = fs::read(below(gpu, "config"))?;
    ensure!(
        config.starts_with(&[0x02, 0x10, 0x1f, 0x73]),
        "another function woke up: {:02x?}",
        &config[..4]
    );
    ensure!(disturbed(fixture)? == before, "counted while awake");
    Ok(())
}
