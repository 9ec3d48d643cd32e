// SPDX-License-Identifier: GPL-2.0

//! Checks that each lie is detected by its own rules only. The card is driven by amdgpu, the only
//! one at its location, and does not change.

use super::{
    honest::report,
    machine::{
        Machine,
        Source,
        Stop, //
    },
    page::Page,
    pci::address_of,
    scene::Scene,
    told::{
        Beside,
        Lie, //
    },
    world::World,
};

/// Tells each of the lies on a machine, one at a time, and checks that its rules detect it. Returns
/// the lies that could be told.
pub fn check(machine: &Machine, lies: &[Lie], chance: u64) -> Result<Vec<Lie>, String> {
    let machine = Machine {
        stop: Stop::Rest,
        lost: Vec::new(),
        ..machine.clone()
    };
    let world = World::of(&machine);
    let plain = world.slots.iter().filter_map(|slot| {
        let number = world.undisturbed_node_of(slot)?;
        Some((slot, number))
    });
    let plain: Vec<_> = plain.collect();
    let nth = (chance as usize).checked_rem(plain.len());
    let Some(&(slot, number)) = nth.and_then(|nth| plain.get(nth)) else {
        return Ok(Vec::new());
    };
    if world.has_denied() {
        return Ok(Vec::new());
    }
    let source = world.source(&machine);
    let vram_bytes = slot.live.as_ref().map(|live| live.gpu.vram_bytes);
    let beside = Beside {
        bar0_bytes: (source != Source::Nowhere).then_some(slot.bar0_bytes),
        vram_bytes: match source {
            Source::Nowhere => None,
            Source::File(contents) => vram_bytes.filter(|_| contents.vram),
            Source::Core => vram_bytes,
        },
    };
    let address = address_of(slot.place).to_string();
    let mut told = Vec::new();
    for &lie in lies {
        let mut world = world.clone();
        let Some(mut broken) = lie.tell(&mut world.kfd, number, beside, chance >> 8) else {
            continue;
        };
        broken.sort_unstable();
        let expected: Vec<(&str, &str)> = broken.iter().map(|rule| (&address[..], *rule)).collect();
        let scene = Scene::of(&machine, world.clone(), source);
        let page = Page::of(&scene, &world, source)?;
        let result = expect(&page, &address, number, &expected);
        result.map_err(|problem| {
            let problem = format!("{lie:?} on {address}, node {number}: {problem}");
            report(&problem, &world, source, &page)
        })?;
        told.push(lie);
    }
    Ok(told)
}

fn expect(
    page: &Page,
    address: &str,
    node: usize,
    expected: &[(&str, &str)],
) -> Result<(), String> {
    let checks = page.records("checks");
    let lies = checks.filter(|check| check.get("verdict") == "lie");
    let mut found: Vec<_> = lies
        .map(|check| (check.get("gpu"), check.get("rule")))
        .collect();
    found.sort_unstable();
    found.dedup();
    if found != expected {
        return Err(format!("{expected:?} was told, {found:?} was found"));
    }
    for file in ["gpus", "flags"] {
        let own = page
            .records(file)
            .find(|record| record.get("gpu") == address);
        if own.is_none_or(|record| record.get("verdict") != "lie") {
            return Err(format!("{file} does not say lie"));
        }
    }
    let node = node.to_string();
    let mut heaps = page
        .records("heaps")
        .filter(|heap| heap.get("node") == node)
        .peekable();
    let has_banks = heaps.peek().is_some();
    if has_banks && !heaps.any(|heap| heap.get("verdict") == "lie") {
        return Err("heaps does not say lie".into());
    }
    Ok(())
}
