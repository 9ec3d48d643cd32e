// SPDX-License-Identifier: GPL-2.0

//! The PCI facts of a slot: from the PCI core, from amdgpu in sysfs, or from a file.

use std::fmt::Write as _;

use rdna1_kfd_guard::facts::{
    pci::{
        self,
        Address,
        Function,
        Id,
        Name,
        Power,
        RenderNode, //
    },
    value::Value, //
};

use super::{
    machine::Place,
    world::{
        Driver,
        SlotNow,
        World, //
    },
};

pub fn address_of(place: Place) -> Address {
    Address {
        domain: place.domain,
        location: place.location() as u16,
    }
}

/// The function in a slot, if there is one.
pub fn function_of(slot: &SlotNow) -> Option<Function> {
    let board = slot.board.as_ref()?;
    let (vendor, device) = board.id();
    let vram_bytes = board.gpu().map(|gpu| gpu.vram_bytes);
    let shown = |value: Option<u64>| match value {
        Some(value) if slot.shows_vram => Value::Known(value),
        _ => Value::Absent,
    };
    Some(Function {
        address: address_of(slot.place),
        id: Id { vendor, device },
        revision: Value::Known(0xc1),
        bar0_bytes: Value::Known(slot.bar0_bytes),
        driver: match slot.driver {
            Driver::None => pci::Driver::None,
            Driver::Amdgpu => named("amdgpu"),
            Driver::Other(name) => named(name),
        },
        render_node: match slot.render_minor {
            Some(minor) => RenderNode::Minor(minor.into()),
            None => RenderNode::None,
        },
        vram_total_bytes: shown(vram_bytes),
        mec_fw: shown(Some(156)),
        power: match slot.is_asleep {
            true => Power::Asleep,
            false => Power::Active,
        },
        ..Function::default()
    })
}

fn named(name: &str) -> pci::Driver {
    Name::new(name.as_bytes()).map_or(pci::Driver::NotSaid, pci::Driver::Named)
}

/// The functions and the facts that a file of PCI facts contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// All functions, instead of only the judged cards.
    pub all: bool,
    pub drivers: bool,
    pub vram: bool,
}

/// The text of a file of PCI facts.
pub fn file_of(world: &World, contents: Contents) -> String {
    let mut text = String::new();
    for slot in &world.slots {
        let Some(board) = &slot.board else { continue };
        if contents.all || board.is_judged() {
            print(slot, contents, &mut text).expect("a string takes all text");
        }
    }
    text
}

fn print(slot: &SlotNow, contents: Contents, text: &mut String) -> std::fmt::Result {
    let Some(board) = &slot.board else {
        return Ok(());
    };
    let (vendor, device) = board.id();
    let address = address_of(slot.place);
    writeln!(text, "domain_bus_device_function={address}")?;
    writeln!(text, "vendor={vendor:#06x}\ndevice={device:#06x}")?;
    writeln!(text, "bar0_bytes={}", slot.bar0_bytes)?;
    if contents.drivers {
        let driver = match slot.driver {
            Driver::None => "-",
            Driver::Amdgpu => "amdgpu",
            Driver::Other(name) => name,
        };
        writeln!(text, "driver={driver}")?;
    }
    match board.gpu() {
        Some(gpu) if contents.vram && slot.shows_vram => {
            writeln!(text, "vram_total_bytes={}", gpu.vram_bytes)
        }
        _ => Ok(()),
    }
}
