// SPDX-License-Identifier: GPL-2.0

//! Checks that no honest machine gets the verdict `lie`, and that a readable card gets `truth`.

use super::{
    census::Census,
    copy::Copy,
    host::Age,
    machine::{
        Machine,
        Source, //
    },
    page::{
        Page,
        Record, //
    },
    pci::{
        address_of,
        file_of,
        Contents, //
    },
    scene::Scene,
    spoil::Spoil,
    world::{
        SlotNow,
        World, //
    },
};

/// Checks an unchanged machine.
pub fn check(machine: &Machine, census: &mut Census) -> Result<(), String> {
    let world = World::of(machine);
    census.note(&world);
    let source = world.source(machine);
    let scene = Scene::of(machine, world.clone(), source);
    let page = Page::of(&scene, &world, source)?;
    let result = expect(&world, source, &page, scene.has_lost());
    result.map_err(|problem| report(&problem, &world, source, &page))
}

/// Checks a machine by a spoilt copy of its topology.
pub fn check_spoilt((machine, spoils): &(Machine, Vec<Spoil>)) -> Result<(), String> {
    let mut world = World::of(machine);
    while world.step() {}
    let mut source = world.source(machine);
    if source == Source::Core || world.has_held() {
        // The PCI core has no copy, and beside a spoilt node an old one cannot be detected.
        source = Source::Nowhere;
    }
    let scene = Scene::of(machine, world.clone(), source);
    let mut copy = Copy::of(&mut scene.topology());
    spoils.iter().for_each(|spoil| spoil.apply(&mut copy));
    let page = Page::of_topology(&mut copy, &scene, &world, source)?;
    if page.has_lie() {
        return Err(format!("a lie, after\n{copy}\n{}", page.0));
    }
    Ok(())
}

fn expect(world: &World, source: Source, page: &Page, has_lost: bool) -> Result<(), String> {
    if page.has_lie() {
        return Err("an honest machine is called a lie".into());
    }
    if !world.is_at_rest() || has_lost {
        return Ok(());
    }
    // Whether KFD prints all judged properties, and all of them are readable.
    let has_all = world.kfd.host.age >= Age::New && !world.has_denied();
    if source == Source::Nowhere {
        if has_all && page.0.contains("verdict=unknown") {
            return Err("there is no excuse for an unknown".into());
        }
        return Ok(());
    }
    for slot in &world.slots {
        expect_of_slot(world, slot, page, has_all)?;
    }
    if source == Source::Core && world.kfd.host.age >= Age::Old {
        for node in world.nodes_without_function() {
            expect_unknown(node, page)?;
        }
    }
    Ok(())
}

fn expect_of_slot(world: &World, slot: &SlotNow, page: &Page, has_all: bool) -> Result<(), String> {
    let is_judged = slot.board.as_ref().is_some_and(|board| board.is_judged());
    if !is_judged {
        return Ok(());
    }
    let address = address_of(slot.place).to_string();
    let gpus: Vec<Record<'_>> = page
        .records("gpus")
        .filter(|record| record.get("gpu") == address)
        .collect();
    let [gpu] = gpus[..] else {
        return Err(format!("{} records of {address} in gpus", gpus.len()));
    };
    if has_all && world.undisturbed_node_of(slot).is_some() && gpu.get("verdict") != "truth" {
        return Err(format!("{address} is not called true"));
    }
    let is_unjudged = gpu.get("kfd") == "absent" && gpu.get("verdict") == "unjudged";
    if !world.has_denied() && world.is_absent(slot) && !is_unjudged {
        return Err(format!("{address} has no node, and is judged"));
    }
    Ok(())
}

/// Checks that a node without a function gets only `unknown`.
fn expect_unknown(node: u32, page: &Page) -> Result<(), String> {
    let node = node.to_string();
    let records = ["heaps", "checks"].map(|file| page.records(file));
    let mut own = records
        .into_iter()
        .flatten()
        .filter(|record| record.get("node") == node);
    match own.find(|record| record.get("verdict") != "unknown") {
        Some(record) => Err(format!("node {node} has no function, and {record:?}")),
        None => Ok(()),
    }
}

/// The full report about a failing machine.
pub fn report(problem: &str, world: &World, source: Source, page: &Page) -> String {
    let copy = Copy::of(&mut Scene::still(world.clone()).topology());
    let all = Contents {
        all: true,
        drivers: true,
        vram: true,
    };
    let slots: Vec<_> = world
        .slots
        .iter()
        .map(|slot| (slot.place, slot.driver, slot.render_minor, slot.is_asleep))
        .collect();
    format!(
        "{problem}\n\nSteps to come: {:?}\nSlots: {slots:?}\nPCI facts from {source:?}:\n{}\n{copy}\n{}",
        world.script,
        file_of(world, all),
        page.0
    )
}
