// SPDX-License-Identifier: GPL-2.0

//! Asks the PCI core for the cards.

use kernel::{
    pci,
    prelude::*, //
};

use crate::{
    facts::{
        map::{
            Map,
            Maps,
            OutOfMemory, //
        },
        pci::{
            Address,
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
    raw::{
        pci::{
            function_at,
            name,
            BusLock, //
        },
        sysfs::Sysfs, //
    }, //
};

use super::{
    kfd::{
        path,
        reason, //
    },
    memory::file_buffer, //
};

/// Current Link Speed and Negotiated Link Width in Link Status (`PCI_EXP_LNKSTA_CLS`,
/// `PCI_EXP_LNKSTA_NLW`, `include/uapi/linux/pci_regs.h`).
const LINK_SPEED_MASK: u16 = 0x000f;
const LINK_WIDTH_MASK: u16 = 0x03f0;
const LINK_WIDTH_SHIFT: u32 = 4;

/// The PCI bus of the running kernel.
pub(crate) struct KernelPciBus<'a> {
    sysfs: &'a Sysfs,
}

impl<'a> KernelPciBus<'a> {
    pub(crate) fn new(sysfs: &'a Sysfs) -> Self {
        Self { sysfs }
    }

    /// The driver that is bound to a function, from its `uevent` file: the driver core makes that
    /// text under its own lock, so that a driver may go meanwhile.
    fn driver(&self, address: Address) -> Result<Driver, OutOfMemory> {
        let path = match path(format_args!("bus/pci/devices/{address}/uevent")) {
            Ok(path) => path,
            Err(ReadError::OutOfMemory) => return Err(OutOfMemory),
            Err(_) => return Ok(Driver::Unknown),
        };
        let mut buffer = file_buffer()?;
        let text = match self.sysfs.read(&path, &mut *buffer).map_err(reason) {
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
}

impl PciBus for KernelPciBus<'_> {
    fn cards<M: Maps>(&mut self, cards: &mut M::Map<Address, Function>) -> Result<(), OutOfMemory> {
        let bus = BusLock::new();
        for device in bus.functions(Id::NAVI10.vendor, Id::NAVI10.device) {
            let Some(address) = address(&device) else {
                continue;
            };
            let status = bus.link_status(&device);
            let field = |mask: u16, shift: u32| {
                status.map_or(Value::Absent, |status| {
                    Value::Known(u64::from(status & mask).checked_shr(shift).unwrap_or(0))
                })
            };
            let function = Function {
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
                driver: Driver::Unknown,
                link: ExpressLink {
                    speed_code: field(LINK_SPEED_MASK, 0),
                    width: field(LINK_WIDTH_MASK, LINK_WIDTH_SHIFT),
                },
            };
            cards.insert(address, function)?;
        }
        drop(bus);
        for function in cards.values_mut() {
            function.driver = self.driver(function.address)?;
        }
        Ok(())
    }

    fn occupant(&mut self, address: Address) -> Occupant {
        function_at(address.domain, address.bus(), address.devfn())
            .map_or(Occupant::Nobody, |device| Occupant::Function(id(&device)))
    }
}

fn id(device: &pci::Device) -> Id {
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
