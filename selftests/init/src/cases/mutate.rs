// SPDX-License-Identifier: GPL-2.0

//! Topologies with random values; a model of the rules predicts the module's verdicts.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{ensure, Context, Result};
use fastrand::Rng;
use modproof_guest::Ctx;

use super::torture::{rounds, seed_word};
use crate::fixture::TREE;
use crate::guard;
use crate::truth::View;

/// In bytes: the fixture card's `mem_info_vram_total`, which amdgpu shows.
const VRAM: u64 = 8_573_157_376;
const BAR0: u64 = 8 << 30;
/// `HSA_CAP_COHERENTHOSTACCESS` (`kfd_sysfs.h`).
const COHERENT_HOST_ACCESS: u64 = 1 << 28;

/// A value that KFD prints, with the model of its rule.
struct Property {
    name: &'static str,
    /// The values to draw from, the honest one first; sometimes the case draws any number instead.
    values: &'static [u64],
    /// Whether the value has 64 bits; otherwise 32.
    wide: bool,
    rule: &'static str,
    lies: fn(u64) -> bool,
    /// Whether a 0 means that KFD has not filled the node yet.
    zero_is_not_yet: bool,
}

const fn narrow(
    name: &'static str,
    values: &'static [u64],
    rule: &'static str,
    lies: fn(u64) -> bool,
) -> Property {
    Property {
        name,
        values,
        wide: false,
        rule,
        lies,
        zero_is_not_yet: false,
    }
}

const fn filled_late(
    name: &'static str,
    values: &'static [u64],
    rule: &'static str,
    lies: fn(u64) -> bool,
) -> Property {
    Property {
        zero_is_not_yet: true,
        ..narrow(name, values, rule, lies)
    }
}

const fn wide(
    name: &'static str,
    values: &'static [u64],
    rule: &'static str,
    lies: fn(u64) -> bool,
) -> Property {
    Property {
        wide: true,
        ..narrow(name, values, rule, lies)
    }
}

const PROPERTIES: &[Property] = &[
    filled_late(
        "gfx_target_version",
        &[100_100, 100_300, 100_101, 0],
        "gfx-version",
        |v| v != 100_100,
    ),
    filled_late("vendor_id", &[4098, 4318, 0], "pci-identity", |v| v != 4098),
    filled_late("device_id", &[29471, 29631, 0], "pci-identity", |v| {
        v != 29471
    }),
    filled_late("num_cp_queues", &[24, 1, 0], "none", |_| false),
    narrow("num_sdma_xgmi_engines", &[0, 2], "xgmi", |v| v != 0),
    narrow(
        "capability",
        &[0, 0x3c67_a280, COHERENT_HOST_ACCESS],
        "host-coherent",
        |v| v & COHERENT_HOST_ACCESS != 0,
    ),
    narrow("mem_banks_count", &[1, 0, 2], "bank-count", |v| v != 1),
    narrow("bank.flags", &[0, 1, 2, 1 << 31], "bank-flags", |v| v != 0),
    narrow("bank.heap_type", &[1, 2, 0, 5, 6], "heap-type", |v| {
        v != 1 && v != 2
    }),
    wide("hive_id", &[0, 1, u64::MAX], "hive-id", |v| v != 0),
    wide(
        "bank.size_in_bytes",
        &[VRAM, 0, 1, VRAM + 1, 8 << 30, u64::MAX],
        "bank-size",
        |v| v == 0 || v > VRAM,
    ),
];

/// The rules that must report a lie; `None` if every verdict must be `unknown`.
fn expected(values: &BTreeMap<&str, u64>) -> Option<BTreeSet<&'static str>> {
    let mut lies = BTreeSet::new();
    for property in PROPERTIES {
        let Some(&value) = values.get(property.name) else {
            continue;
        };
        if value == 0 && property.zero_is_not_yet {
            return None;
        }
        if (property.lies)(value) {
            lies.insert(property.rule);
        }
    }
    let public = values.get("bank.heap_type") == Some(&1);
    if public
        && values
            .get("bank.size_in_bytes")
            .is_some_and(|&size| size > BAR0)
    {
        lies.insert("heap-bar");
    }
    Some(lies)
}

fn draw(random: &mut Rng, property: &Property) -> u64 {
    if random.u8(..) % 4 != 0 {
        return random.choice(property.values).copied().unwrap_or_default();
    }
    if property.wide {
        random.u64(..)
    } else {
        random.u32(..).into()
    }
}

/// With any values, the module's verdict of each rule equals the model's.
pub fn topologies(ctx: &mut Ctx) -> Result<()> {
    let seed = ctx.options.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut random = Rng::with_seed(seed);
    ctx.note(format!("{} makes the same again", seed_word(seed)));
    TREE.load(&ctx.modules, "slot=0 bar=large;slot=1")?;
    guard::load(&ctx.modules)?;
    let (card, other) = (TREE.card(0)?, TREE.card(1)?);
    let mut values: BTreeMap<&str, u64> = BTreeMap::new();
    for property in PROPERTIES {
        values.insert(property.name, property.values[0]);
    }
    let (mut lied, mut unknown) = (0, 0);
    for round in 0..rounds(ctx) / 2 {
        for property in PROPERTIES {
            // Mostly the honest value; otherwise every round would have all lies at once.
            let value = match random.u8(..) % 4 {
                0 => draw(&mut random, property),
                _ => property.values[0],
            };
            if values.insert(property.name, value) != Some(value) {
                TREE.set(0, &format!("{}={value}", property.name))?;
            }
        }
        let check = || {
            let view = View::read()?;
            view.expect_truth(&other)?;
            let seen = |verdict| -> BTreeSet<&str> {
                let wanted = [("gpu", card.gpu()), ("verdict", verdict)];
                let checks = view.checks.select(&wanted);
                checks
                    .iter()
                    .filter_map(|check| check.get("rule").ok())
                    .collect()
            };
            let (lies, unknowns) = (seen("lie"), seen("unknown"));
            match expected(&values) {
                None => ensure!(
                    lies.is_empty() && seen("truth").is_empty() && !unknowns.is_empty(),
                    "expected nothing but unknown\n{}",
                    view.checks.text
                ),
                Some(expected) => ensure!(
                    lies == expected && unknowns.is_empty(),
                    "expected the lies {expected:?}, seen {lies:?}\n{}",
                    view.checks.text
                ),
            }
            Ok(())
        };
        check().with_context(|| format!("round {round} of seed {seed}, values {values:?}"))?;
        match expected(&values) {
            None => unknown += 1,
            Some(lies) if !lies.is_empty() => lied += 1,
            Some(_) => {}
        }
    }
    ctx.note(format!(
        "{lied} topologies with lies, {unknown} not filled in"
    ));
    ensure!(
        lied > 0 && unknown > 0,
        "a kind of topology did not come: tried too little"
    );
    guard::unload()
}
