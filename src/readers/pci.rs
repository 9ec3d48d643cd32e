// SPDX-License-Identifier: GPL-2.0

//! Asks the PCI core for the cards.

use kernel::{
    bindings::{
        PCI_EXP_DEVCAP2,
        PCI_EXP_DEVCTL2,
        PCI_EXP_FLAGS,
        PCI_EXP_LNKCAP,
        PCI_EXP_LNKSTA, //
    },
    pci,
    prelude::*,
    sync::Arc, //
};

use crate::{
    facts::{
        atomics::{
            atomics,
            Atomics,
            Hop,
            PortType, //
        },
        map::{
            Map,
            Maps,
            OutOfMemory, //
        },
        pci::{
            Address,
            Depth,
            Driver,
            ExpressLink,
            Function,
            Id,
            Name,
            Occupant,
            PciBus, //
        },
        properties::hexadecimal,
        topology::ReadError,
        value::Value, //
    },
    kept::Look,
    raw::{
        pci::{
            name,
            BusLock, //
        },
        sysfs::{
            Page,
            Sysfs, //
        }, //
    }, //
};

use super::{
    kfd::{
        reason,
        Path, //
    },
    memory::Kernel, //
};

/// The PCI bus of the running kernel.
pub(crate) struct KernelPciBus(Arc<Sysfs>);

impl KernelPciBus {
    pub(crate) fn new(sysfs: &Arc<Sysfs>) -> Self {
        Self(sysfs.clone())
    }

    /// The driver that is bound to a function, from its `uevent` file: the driver core makes that
    /// text under its own lock, so that a driver may go meanwhile.
    fn driver(&self, address: Address) -> Result<Driver, OutOfMemory> {
        let mut page = Page::new().map_err(|_| OutOfMemory)?;
        let path = Path::new(format_args!("bus/pci/devices/{address}/uevent"));
        let read = path.and_then(|path| {
            let file = self.0.open(path.whole()?).map_err(reason)?;
            file.read(&mut page).map_err(reason)
        });
        let text = match read {
            Ok(text) => text,
            Err(ReadError::OutOfMemory) => return Err(OutOfMemory),
            Err(_) => return Ok(Driver::Unknown),
        };
        let name = text
            .split(|&byte| byte == b'\n')
            .find_map(|line| line.strip_prefix(b"DRIVER="));
        Ok(name.map_or(Driver::None, |name| {
            Name::new(name).map_or(Driver::Unknown, Driver::Named)
        }))
    }

    /// Whether a function has a DRM device. A driver's name stands in `uevent` from the beginning of
    /// its probe (`really_probe()`, `drivers/base/dd.c`); amdgpu brings up KFD during that, and
    /// registers its DRM device at the end (`amdgpu_pci_probe()`, `amdgpu_drv.c`).
    fn has_drm(&self, address: Address) -> Result<bool, OutOfMemory> {
        let path = Path::new(format_args!("bus/pci/devices/{address}/drm"));
        let there = path.and_then(|path| self.0.open_folder(path.whole()?).map_err(reason));
        match there {
            Ok(_) => Ok(true),
            Err(ReadError::OutOfMemory) => Err(OutOfMemory),
            Err(_) => Ok(false),
        }
    }
}

impl PciBus for KernelPciBus {
    fn cards<M: Maps>(&mut self, cards: &mut M::Map<Address, Function>) -> Result<(), OutOfMemory> {
        self.gather(cards)?;
        for function in cards.values_mut() {
            function.driver_is_ready = self.has_drm(function.address)?;
        }
        Ok(())
    }

    fn occupant(&mut self, address: Address) -> Occupant {
        BusLock::new()
            .function_at(address.domain, address.bus(), address.devfn())
            .map_or(Occupant::Nobody, |device| Occupant::Function(id(&device)))
    }
}

impl Look for KernelPciBus {
    fn look(
        &mut self,
        depth: Depth,
        each: &mut dyn FnMut(&Function) -> bool,
    ) -> Result<(), OutOfMemory> {
        if depth == Depth::Identity {
            self.look_at(depth, each);
            return Ok(());
        }
        let mut cards: <Kernel as Maps>::Map<Address, Function> = Default::default();
        self.gather(&mut cards)?;
        for function in cards.values() {
            if !each(function) {
                break;
            }
        }
        Ok(())
    }
}

impl KernelPciBus {
    /// Adds every card, with its driver: that is asked for when nothing is locked any more.
    fn gather(&self, cards: &mut impl Map<Address, Function>) -> Result<(), OutOfMemory> {
        let mut result = Ok(());
        self.look_at(Depth::Everything, &mut |function| {
            result = cards.insert(function.address, *function);
            result.is_ok()
        });
        result?;
        for function in cards.values_mut() {
            function.driver = self.driver(function.address)?;
        }
        Ok(())
    }

    /// Calls `each` with every card, without its driver, until it says no.
    fn look_at(&self, depth: Depth, each: &mut dyn FnMut(&Function) -> bool) {
        let bus = BusLock::new();
        for device in bus.functions(Id::NAVI10.vendor, Id::NAVI10.device) {
            let Some(address) = address(&device) else {
                continue;
            };
            let mut function = Function {
                address,
                id: id(&device),
                subsystem: Some(Id {
                    vendor: device.subsystem_vendor_id(),
                    device: device.subsystem_device_id(),
                }),
                revision: Value::Known(device.revision_id().into()),
                bar0_bytes: device
                    .resource_len(0)
                    .map_or(Value::Unreadable, Value::Known),
                ..Function::default()
            };
            if depth == Depth::Everything {
                function.link = ExpressLink::of_register(word(&bus, &device, PCI_EXP_LNKSTA));
                function.link_at_most =
                    ExpressLink::of_register(dword(&bus, &device, PCI_EXP_LNKCAP));
                function.atomics = path_atomics(&bus, &device, address);
            }
            if !each(&function) {
                break;
            }
        }
    }
}

fn word(bus: &BusLock, device: &pci::Device, offset: u32) -> Value {
    bus.express_word(device, offset)
        .map_or(Value::Unreadable, |value| Value::Known(value.into()))
}

fn dword(bus: &BusLock, device: &pci::Device, offset: u32) -> Value {
    bus.express_dword(device, offset)
        .map_or(Value::Unreadable, |value| Value::Known(value.into()))
}

/// How far AtomicOps get from the card.
fn path_atomics(bus: &BusLock, device: &pci::Device, address: Address) -> Atomics {
    let mut next = bus.bridge_above(device);
    let bridges = core::iter::from_fn(|| {
        let bridge = next.take()?;
        next = bus.bridge_above(&bridge);
        // A bridge without an address can't be named, and is not on any bus.
        Some(hop(bus, &bridge, self::address(&bridge)?))
    });
    // No path is longer than there are bus numbers.
    atomics(&hop(bus, device, address), bridges.take(256))
}

fn hop(bus: &BusLock, device: &pci::Device, address: Address) -> Hop {
    Hop {
        address,
        port: word(bus, device, PCI_EXP_FLAGS)
            .known()
            .map(PortType::of_flags),
        capabilities: dword(bus, device, PCI_EXP_DEVCAP2),
        control: word(bus, device, PCI_EXP_DEVCTL2),
    }
}

/// What a function says it is.
pub(crate) fn id(device: &pci::Device) -> Id {
    Id {
        vendor: device.vendor_id().as_raw(),
        device: device.device_id(),
    }
}

/// Where a function sits. The kernel crate has no accessor for the domain, but the PCI core names
/// its devices `domain:bus:device.function` (`pci_setup_device()`, `drivers/pci/probe.c`).
fn address(device: &pci::Device) -> Option<Address> {
    let name = name(device);
    let domain = name.split(|&byte| byte == b':').next()?;
    Some(Address {
        domain: u32::try_from(hexadecimal(domain)?).ok()?,
        location: device.dev_id(),
    })
}
