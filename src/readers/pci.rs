// SPDX-License-Identifier: GPL-2.0

//! Reads the cards from the PCI core, and amdgpu's facts about them from sysfs.

use kernel::{
    bindings,
    fmt::Write,
    pci,
    prelude::*,
    sync::Arc, //
};

use crate::{
    facts::{
        atomics::*,
        path::Path,
        pci::*,
        prelude::*,
        properties::{
            decimal,
            hexadecimal, //
        }, //
    },
    raw::{
        pci::{
            functions,
            BusLock,
            DeviceName,
            DeviceRef,
            OnBus, //
        },
        sysfs::{
            FileBuffer,
            Sysfs, //
        }, //
    }, //
};

use super::{
    detail::Detail,
    file::{
        reason,
        whole, //
    }, //
};

/// The PCI bus of the running kernel.
pub(crate) struct KernelPciBus {
    sysfs: Arc<Sysfs>,
    page: FileBuffer,
    detail: Detail,
}

impl KernelPciBus {
    pub(crate) fn new(sysfs: &Arc<Sysfs>, detail: Detail) -> Result<Self, OutOfMemory> {
        Ok(Self {
            sysfs: sysfs.clone(),
            page: FileBuffer::new().map_err(|_| OutOfMemory)?,
            detail,
        })
    }

    /// The content of a file below the function's folder.
    fn read(&mut self, address: Address, file: &str) -> Result<&[u8], ReadError> {
        let path = Path::of(|path| write!(path, "bus/pci/devices/{address}/{file}"))?;
        let open = self.sysfs.open(path.after(0)?).map_err(reason)?;
        whole(&open, &mut self.page)
    }

    /// The number in such a file, parsed by `parse`.
    fn number(
        &mut self,
        address: Address,
        file: &str,
        parse: fn(&[u8]) -> Option<u64>,
    ) -> Result<Value, OutOfMemory> {
        match self.read(address, file) {
            Ok(text) => {
                let number = text.strip_suffix(b"\n").and_then(parse);
                Ok(number.map_or(Value::Unreadable, Value::Known))
            }
            Err(ReadError::OutOfMemory) => Err(OutOfMemory),
            Err(ReadError::Absent) => Ok(Value::Absent),
            Err(_) => Ok(Value::Unreadable),
        }
    }

    /// The bound driver, from the function's `uevent` file. The driver core writes that text under
    /// its own lock, so the driver may unbind meanwhile.
    fn driver(&mut self, address: Address) -> Result<Driver, OutOfMemory> {
        let text = match self.read(address, "uevent") {
            Ok(text) => text,
            Err(ReadError::OutOfMemory) => return Err(OutOfMemory),
            Err(_) => return Ok(Driver::Unreadable),
        };
        let name = text
            .split(|&byte| byte == b'\n')
            .find_map(|line| line.strip_prefix(b"DRIVER="));
        Ok(name.map_or(Driver::None, |name| {
            Name::new(name).map_or(Driver::Unreadable, Driver::Named)
        }))
    }

    /// Adds the facts from sysfs.
    fn complete(&mut self, function: &mut Function) -> Result<(), OutOfMemory> {
        let address = function.address;
        if function.render_node != RenderNode::None {
            function.vram_total_bytes = self.number(address, "mem_info_vram_total", decimal)?;
        }
        if self.detail == Detail::AllFacts {
            function.driver = self.driver(address)?;
            let version = |text: &[u8]| hexadecimal(text.strip_prefix(b"0x")?);
            function.mec_fw = self.number(address, "fw_version/mec_fw_version", version)?;
        }
        Ok(())
    }
}

impl PciBus for KernelPciBus {
    fn cards(
        &mut self,
        mut each: impl FnMut(Function) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        let Id { vendor, device } = Id::NAVI10;
        for device in functions(vendor, device) {
            if let Some(mut function) = remembered(&device) {
                self.complete(&mut function)?;
                if self.detail == Detail::AllFacts {
                    add_configuration(&mut function);
                }
                each(function)?;
            }
        }
        Ok(())
    }

    fn function_at(&mut self, address: Address) -> Result<Option<Function>, OutOfMemory> {
        let device = DeviceRef::at(address);
        let mut function = device.and_then(|device| remembered(&device));
        if let Some(function) = &mut function {
            self.complete(function)?;
        }
        Ok(function)
    }
}

/// The facts that the PCI core remembers about a function.
fn remembered(device: &DeviceRef) -> Option<Function> {
    Some(Function {
        address: address(device)?,
        id: id(device),
        subsystem: Some(Id {
            vendor: device.subsystem_vendor_id(),
            device: device.subsystem_device_id(),
        }),
        revision: Value::Known(device.revision_id().into()),
        bar0_bytes: device
            .resource_len(0)
            .map_or(Value::Unreadable, Value::Known),
        render_node: render_node(device),
        power: match device.is_asleep() {
            true => Power::Asleep,
            false => Power::Active,
        },
        ..Function::default()
    })
}

/// The DRM render node below a function.
fn render_node(device: &DeviceRef) -> RenderNode {
    let mut found = RenderNode::None;
    device.children(|name| {
        let minor = name.as_bytes().strip_prefix(b"renderD");
        if let Some(minor) = minor.and_then(decimal) {
            found = RenderNode::Minor(minor);
        }
    });
    found
}

/// Adds the facts from the configuration space of the function and of the bridges above it, unless
/// one of them sleeps.
fn add_configuration(function: &mut Function) {
    let bus = BusLock::new();
    let Some(device) = &bus.device_at(function.address) else {
        return;
    };
    if device.is_asleep() || bridges_above(device).any(|bridge| bridge.is_asleep()) {
        return;
    }
    function.link = ExpressLink::of_register(word(device, bindings::PCI_EXP_LNKSTA));
    function.link_at_most = ExpressLink::of_register(dword(device, bindings::PCI_EXP_LNKCAP));
    function.atomics = path_atomics(device, function.address);
}

/// The bridges on the way from a function to the root, nearest first.
fn bridges_above<'lock>(device: &OnBus<'lock>) -> impl Iterator<Item = OnBus<'lock>> {
    let mut next = device.bridge_above();
    // There are 256 bus numbers, so no path is longer.
    (0..256).map_while(move |_| {
        let bridge = next.take()?;
        next = bridge.bridge_above();
        Some(bridge)
    })
}

/// How far AtomicOps get from the card.
fn path_atomics(device: &OnBus<'_>, address: Address) -> Atomics {
    // A bridge without an address has no name, and is on no bus.
    let bridges =
        bridges_above(device).map_while(|bridge| Some(hop(&bridge, self::address(&bridge)?)));
    atomics(&hop(device, address), bridges)
}

fn hop(device: &OnBus<'_>, address: Address) -> Hop {
    Hop {
        address,
        port: word(device, bindings::PCI_EXP_FLAGS)
            .known()
            .map(PortType::of_flags),
        capabilities: dword(device, bindings::PCI_EXP_DEVCAP2),
        control: word(device, bindings::PCI_EXP_DEVCTL2),
    }
}

fn word(device: &OnBus<'_>, offset: u32) -> Value {
    let value = device.express_word(offset);
    value.map_or(Value::Unreadable, |value| Value::Known(value.into()))
}

fn dword(device: &OnBus<'_>, offset: u32) -> Value {
    let value = device.express_dword(offset);
    value.map_or(Value::Unreadable, |value| Value::Known(value.into()))
}

/// The vendor and device of a function.
pub(crate) fn id(device: &pci::Device) -> Id {
    Id {
        vendor: device.vendor_id().as_raw(),
        device: device.device_id(),
    }
}

/// The address of a function. The kernel crate has no accessor for the domain, but the PCI core
/// names its devices `domain:bus:device.function` (`pci_setup_device()`, `drivers/pci/probe.c`).
fn address(device: &pci::Device) -> Option<Address> {
    let name = DeviceName::of(device);
    let domain = name.as_bytes().split(|&byte| byte == b':').next()?;
    Some(Address {
        domain: u32::try_from(hexadecimal(domain)?).ok()?,
        location: device.dev_id(),
    })
}
