// SPDX-License-Identifier: GPL-2.0

//! Tests honest machines of many shapes, and each lie on them, on the kernel's own KFD. The boot
//! decides the NUMA nodes; the table `shapes/table.rs` decides the devices.

mod caught;
mod drawn;
mod judge;
mod machine;
mod model;
mod suspend;
mod table;

use anyhow::{Context, Result};
use modproof_guest::{Case, Ctx};

use crate::fixture::TREE;
use crate::guard;
use caught::{caught, caught_on_one_of_two_nodes};
use drawn::drawn;
use machine::{expand, Machine};
use model::Device;
use table::{CONTENTS, MOMENTS, MOMENT_MACHINES};

/// The suite. One boot for each NUMA layout runs all cases; a case finds its table row by its name.
pub const CASES: &[Case] = &[
    Case::new("honest-large-bar", content),
    Case::new("honest-small-bar", content),
    Case::new("honest-partial-bar", content),
    Case::new("honest-5600xt", content),
    Case::new("honest-5600xt-small-bar", content),
    Case::new("honest-without-atomics", content),
    Case::new("honest-behind-switch", content),
    Case::new("honest-two-cards", content),
    Case::new("honest-three-cards", content),
    Case::new("honest-four-cards", content),
    Case::new("honest-high-pci-domain", content),
    Case::new("honest-card-not-in-kfd", content),
    Case::new("honest-card-without-driver", content),
    Case::new("honest-each-numa-node", content),
    Case::new("honest-each-numa-node-small-bar", content),
    Case::new("honest-last-numa-node", content),
    Case::new("honest-beside-rx6600", content),
    Case::new("honest-beside-apu", content),
    Case::new("honest-beside-hive-of-two", content),
    Case::new("honest-beside-hive-of-three", content),
    Case::new("honest-beside-xgmi-to-cpu", content),
    Case::new("honest-beside-all", content),
    Case::new("honest-being-added-not-filled", moment),
    Case::new("honest-being-added-without-place", moment),
    Case::new("honest-being-added-without-links", moment),
    Case::new("honest-unplugged", moment),
    Case::new("honest-replugged", moment),
    Case::new("honest-replugged-without-driver", moment),
    Case::new("honest-replugged-twice", moment),
    Case::new("honest-unbound", moment),
    Case::new("honest-bound-again", moment),
    Case::new("honest-resized-while-unbound", moment),
    Case::new("honest-asleep", moment),
    Case::new("honest-suspended", moment),
    Case::new("honest-asleep-then-removed", moment),
    Case::new("caught-gfx-version", caught),
    Case::new("caught-pci-identity", caught),
    Case::new("caught-bank-flags", caught),
    Case::new("caught-heap-type", caught),
    Case::new("caught-bank-count", caught),
    Case::new("caught-bank-size", caught),
    Case::new("caught-hive-id", caught),
    Case::new("caught-xgmi", caught),
    Case::new("caught-host-coherent", caught),
    Case::new("caught-link-coherent", caught),
    Case::new("caught-heap-bar", caught),
    Case::new("caught-xgmi-link", caught),
    Case::new("caught-bank-size-of-5600xt", caught),
    Case::new("caught-on-one-of-two-nodes", caught_on_one_of_two_nodes),
    Case::new("drawn", drawn),
];

/// Builds a machine device by device, in the row's order and in reverse.
fn content(ctx: &mut Ctx) -> Result<()> {
    let mut rows = CONTENTS.iter();
    let row = rows.find(|row| ctx.case.strip_prefix("honest-") == Some(row.name));
    let devices = expand(row.context("no such row of the table")?.devices)?;
    let reversed: Vec<_> = devices.iter().rev().cloned().collect();
    let both = if devices == reversed {
        vec![devices]
    } else {
        vec![devices, reversed]
    };
    on_machines(ctx, both, |machine, devices| {
        for (slot, words) in (0..).zip(&devices) {
            machine.add(slot, words)?;
        }
        Ok(())
    })
}

/// Applies a row's steps to the first card of each machine in `MOMENT_MACHINES`.
fn moment(ctx: &mut Ctx) -> Result<()> {
    let mut rows = MOMENTS.iter();
    let row = rows.find(|row| ctx.case.strip_prefix("honest-") == Some(row.name));
    let steps = row.context("no such row of the table")?.steps;
    if steps.contains(&"suspend") {
        suspend::need()?;
    }
    let (first, steps) = steps.split_first().context("no step")?;
    let more = first
        .strip_prefix("add")
        .context("the first adds the card")?;
    let machines = MOMENT_MACHINES.iter().map(|devices| expand(devices));
    let machines = machines.collect::<Result<Vec<_>>>()?;
    on_machines(ctx, machines, |machine, devices| {
        let mut cards = devices.iter().map(|words| Device::added(words).is_card);
        let subject = cards.position(|is_card| is_card).context("no card")?;
        let mut others = (0..).zip(&devices);
        for (slot, words) in others.by_ref().take(subject) {
            machine.add(slot, words)?;
        }
        let (slot, words) = others.next().context("no card")?;
        machine.add(slot, &format!("{words}{more}"))?;
        let held = !more.is_empty();
        if !held {
            others
                .by_ref()
                .try_for_each(|(slot, words)| machine.add(slot, words))?;
        }
        steps.iter().try_for_each(|step| machine.step(slot, step))?;
        others.try_for_each(|(slot, words)| machine.add(slot, words))
    })
}

/// Builds each machine with `make`, then removes its devices one by one.
fn on_machines<T>(
    ctx: &mut Ctx,
    machines: Vec<T>,
    make: impl Fn(&mut Machine, T) -> Result<()>,
) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    for wanted in machines {
        let mut machine = Machine::empty(&ctx.modules)?;
        let done = make(&mut machine, wanted).and_then(|()| machine.remove_all());
        machine.notes.iter().for_each(|note| ctx.note(note));
        done?;
    }
    guard::unload()?;
    TREE.unload()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::table::LIES;
    use super::*;

    #[test]
    fn each_row_of_the_table_has_a_case() {
        let names: BTreeSet<_> = CASES.iter().map(|case| case.name.to_owned()).collect();
        let honest = CONTENTS.iter().map(|row| row.name);
        let honest = honest.chain(MOMENTS.iter().map(|row| row.name));
        let mut rows: BTreeSet<_> = honest.map(|name| format!("honest-{name}")).collect();
        rows.extend(LIES.iter().map(|row| format!("caught-{}", row.name)));
        rows.extend(["caught-on-one-of-two-nodes", "drawn"].map(str::to_owned));
        assert_eq!(names, rows);
    }
}
