// SPDX-License-Identifier: GPL-2.0

//! The module and libhsakmt, AMD's own reader of KFD's files, must report the same values.
//!
//! One exception is the ISA. libhsakmt takes it from a table by device id, and asks KFD only for an
//! unknown device or a major version above 10 (`find_hsa_gfxip_device()`, `src/topology.c` of
//! roct-thunk-interface 6.2.4).

use anyhow::{ensure, Context, Result};
use modproof_guest::Ctx;
use nix::errno::Errno;

use super::stock::need_amdgpu;
use crate::fixture::{Card, STOCK};
use crate::guard;
use crate::hsakmt::{self, compare, Compared, Difference, StandIn};
use crate::kfd;
use crate::truth::View;

const HONEST: &[&str] = &[
    "board=5700xt bar=large",
    "board=5700xt bar=small",
    "board=5600xt bar=large",
    "board=5600xt bar=small",
    "board=5700xt bar=large atomics=0",
    "board=5600xt bar=small atomics=0",
];

/// All honest cards at once.
pub fn agrees(ctx: &mut Ctx) -> Result<()> {
    let cards = load(ctx, HONEST)?;
    let topology = hsakmt::read()?;
    let gpus = cards.len();
    ensure!(
        topology.nodes.len() == gpus + 1,
        "expected the CPU's node and {gpus} more, seen {}",
        topology.nodes.len()
    );
    topology.expect_calls(&[
        ("get_version", "kernel", 1, 0),
        ("get_process_apertures_new", "kernel", 1, 0),
        ("acquire_vm", "stand_in", gpus, 0),
        ("set_memory_policy", "stand_in", gpus, 0),
        // For a page of registers, without which libhsakmt and programs still work.
        ("alloc_memory_of_gpu", "kernel", gpus, Errno::ENODEV as i32),
    ])?;
    let view = View::read()?;
    view.expect_cards(gpus)?;
    let mut counts = Vec::new();
    for card in &cards {
        view.expect_truth(card)?;
        counts.push(compare(&view, &topology, card.gpu(), &[])?.len());
    }
    note_count(ctx, &counts)?;
    guard::unload()
}

/// The lies of `add`, each with the mismatches that libhsakmt's table causes.
const LIES: &[(&str, &[Difference<'_>])] = &[
    ("bank-flags", &[]),
    ("hive-id", &[]),
    ("xgmi", &[]),
    ("host-coherent", &[]),
    ("link-coherent", &[]),
    ("bank-size", &[]),
    ("heap-bar", &[]),
    ("heap-type", &[]),
    ("gfx-version", &gfx("100300", "100100")),
    ("pci-identity", &{
        let [a, b, c] = gfx("100100", "100300");
        [a, b, c, device("0x731f", "0x73bf")]
    }),
];

/// All lies with which libhsakmt can read the topology, at once, one card for each.
pub fn agrees_on_lies(ctx: &mut Ctx) -> Result<()> {
    let words: Vec<String> = LIES
        .iter()
        .map(|(lie, _)| format!("cus=2 lie={lie}"))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let cards = load(ctx, &words)?;
    let topology = hsakmt::read()?;
    let view = View::read()?;
    let mut counts = Vec::new();
    for (card, (lie, differences)) in cards.iter().zip(LIES) {
        view.expect_lie(card, lie)?;
        let equal = compare(&view, &topology, card.gpu(), differences).context(*lie)?;
        counts.push(equal.len());
    }
    note_count(ctx, &counts)?;
    guard::unload()
}

/// Changes to KFD's values: the property, its new value, the name and the value that both must
/// show, and the expected mismatches.
const CHANGES: &[(&str, &str, &str, &str, &[Difference<'_>])] = &[
    ("bank.flags", "3", "heaps.flags", "0x3", &[]),
    ("bank.flags", "2", "checks.bank-flags", "0x2", &[]),
    ("bank.width", "128", "heaps.width_bits", "128", &[]),
    (
        "bank.mem_clk_max",
        "1000",
        "heaps.mem_clk_max_mhz",
        "1000",
        &[],
    ),
    (
        "bank.size_in_bytes",
        "4294967297",
        "heaps.size_bytes",
        "4294967297",
        &[],
    ),
    ("bank.heap_type", "2", "heaps.heap", "fb_private", &[]),
    ("bank.heap_type", "3", "checks.heap-type", "gds", &[]),
    (
        "hive_id",
        "9331882296111890817",
        "checks.hive-id",
        "0x8181818181818181",
        &[],
    ),
    (
        "num_sdma_xgmi_engines",
        "2",
        "checks.xgmi",
        "engines:2,links:0",
        &[],
    ),
    // The bit COHERENTHOSTACCESS beside the ASIC revision.
    (
        "capability",
        "306184192",
        "flags.claimed_host_coherent",
        "1",
        &[],
    ),
    (
        "vendor_id",
        "4318",
        "checks.pci-identity",
        "0x10de:0x731f",
        &[],
    ),
    // A device that libhsakmt's table lacks, so it takes KFD's ISA.
    (
        "device_id",
        "29457",
        "gpus.gfx",
        "100100",
        &[device("0x731f", "0x7311")],
    ),
    // A major version above 10, so libhsakmt does not use its table.
    ("gfx_target_version", "110001", "gpus.gfx", "110001", &[]),
    (
        "gfx_target_version",
        "90402",
        "gpus.device",
        "0x731f",
        &gfx("90402", "100100"),
    ),
];

/// Changes one property after another, compares both reports, and restores it.
pub fn agrees_on_changes(ctx: &mut Ctx) -> Result<()> {
    let card = load(ctx, &["board=5700xt bar=large"])?.remove(0);
    let mut counts = Vec::new();
    for (property, value, name, shown, differences) in CHANGES {
        let before = published(&card, property)?;
        STOCK.set(0, &format!("{property}={value}"))?;
        let equal =
            compare_now(&card, differences).with_context(|| format!("{property}={value}"))?;
        let seen = equal.get(*name).map_or("nothing", String::as_str);
        ensure!(
            seen == *shown,
            "{property}={value}: expected {name} to be {shown} in both, seen {seen}"
        );
        counts.push(equal.len());
        STOCK.set(0, &format!("{property}={before}"))?;
    }
    View::read()?.expect_truth(&card)?;
    note_count(ctx, &counts)?;
    guard::unload()
}

/// HSA_OVERRIDE_GFX_VERSION affects only libhsakmt, neither KFD nor the module.
pub fn overridden(ctx: &mut Ctx) -> Result<()> {
    const OVERRIDE: (&str, &str) = ("HSA_OVERRIDE_GFX_VERSION", "10.3.0");
    let card = load(ctx, &["board=5700xt bar=large"])?.remove(0);
    let topology = hsakmt::read_with(StandIn::All, &[OVERRIDE])?;
    let view = View::read()?;
    view.expect_truth(&card)?;
    let equal = compare(&view, &topology, card.gpu(), &gfx("100100", "100300"))?;
    ensure!(
        published(&card, "gfx_target_version")? == 100_100,
        "KFD's gfx_target_version has changed"
    );
    note_count(ctx, &[equal.len()])?;
    // Without the variable, both agree again.
    compare_now(&card, &[])?;
    guard::unload()
}

/// Loads the fixture with a card for each of `words`, from slot 0, and the module.
pub fn load(ctx: &Ctx, words: &[&str]) -> Result<Vec<Card>> {
    need_amdgpu(ctx)?;
    let slots = 0..;
    let cards: Vec<String> = slots
        .zip(words)
        .map(|(slot, words): (u32, _)| format!("slot={slot} {words}"))
        .collect();
    STOCK.load(&ctx.modules, &cards.join(";"))?;
    guard::load(&ctx.modules)?;
    (0..).zip(words).map(|(slot, _)| STOCK.card(slot)).collect()
}

fn compare_now(card: &Card, differences: &[Difference<'_>]) -> Result<Compared> {
    compare(&View::read()?, &hsakmt::read()?, card.gpu(), differences)
}

/// KFD's value of a property, by the fixture's name for it.
fn published(card: &Card, property: &str) -> Result<u64> {
    let node = kfd::node(card.node());
    match property.strip_prefix("bank.") {
        Some(name) => kfd::property(&node.join("mem_banks/0/properties"), name),
        None => kfd::property(&node.join("properties"), property),
    }
}

/// Expects a mismatch of the ISA in all three places that show it.
const fn gfx<'a>(ours: &'a str, theirs: &'a str) -> [Difference<'a>; 3] {
    const fn of<'a>(name: &'a str, ours: &'a str, theirs: &'a str) -> Difference<'a> {
        Difference { name, ours, theirs }
    }
    [
        of("gpus.gfx", ours, theirs),
        of("flags.claimed_gfx", ours, theirs),
        of("checks.gfx-version", ours, theirs),
    ]
}

/// Expects a mismatch of the device id, which the module takes from the PCI core.
const fn device<'a>(ours: &'a str, theirs: &'a str) -> Difference<'a> {
    Difference {
        name: "gpus.device",
        ours,
        theirs,
    }
}

fn note_count(ctx: &mut Ctx, counts: &[usize]) -> Result<()> {
    ensure!(
        !counts.is_empty() && counts.iter().all(|count| *count > 0),
        "values compared: {counts:?}"
    );
    let all: usize = counts.iter().sum();
    ctx.note(format!(
        "libhsakmt {}: {all} values are equal; card by card {counts:?}",
        hsakmt::version()?
    ));
    Ok(())
}
