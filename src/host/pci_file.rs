// SPDX-License-Identifier: GPL-2.0

//! Reads PCI facts from a file, in place of the PCI core.
//!
//! Lines are `key=value`. `domain_bus_device_function=0000:03:00.0` starts a function. The lines
//! after it describe that function: `vendor`, `device`, `revision`, `bar0_bytes` and
//! `vram_total_bytes` (hexadecimal with `0x`, or decimal), and `driver` (a name, or `-` for none).
//! Empty lines and lines that start with `#` are ignored.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::Path, //
};

use anyhow::{
    anyhow,
    bail,
    Context,
    Result, //
};

use crate::facts::{
    map::OutOfMemory,
    pci::{
        Address,
        Driver,
        Function,
        Id,
        Name,
        PciBus, //
    },
    properties::{
        decimal,
        hexadecimal, //
    },
    value::Value, //
};

/// The longest accepted file, in bytes: far more than any machine's functions need.
const MAX_BYTES: u64 = 1 << 20;

/// PCI facts from a file.
#[derive(Debug)]
pub struct PciFile(BTreeMap<Address, Function>);

impl PciFile {
    /// Reads the file at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let mut text = Vec::new();
        // Limits the read itself: the reported length of a device or a pipe means nothing.
        fs::File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text))
            .with_context(|| format!("cannot read the PCI facts in {}", path.display()))?;
        if u64::try_from(text.len())? > MAX_BYTES {
            bail!(
                "{} has more than {MAX_BYTES} bytes, which is too much for PCI facts",
                path.display()
            );
        }
        let text = String::from_utf8(text)
            .map_err(|_| anyhow!("the PCI facts in {} are not text", path.display()))?;
        Self::parse(&text).with_context(|| format!("in the PCI facts {}", path.display()))
    }

    /// Reads PCI facts from text.
    pub fn parse(text: &str) -> Result<Self> {
        let mut functions = BTreeMap::<Address, Function>::new();
        let mut current = None;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            set(line, &mut functions, &mut current).with_context(|| format!("line {number}"))?;
        }
        if let Some(address) = functions.values().find_map(incomplete) {
            bail!("{address} has no vendor or no device");
        }
        Ok(Self(functions))
    }
}

fn incomplete(function: &Function) -> Option<Address> {
    (function.id.vendor == 0 || function.id.device == 0).then_some(function.address)
}

fn set(
    line: &str,
    functions: &mut BTreeMap<Address, Function>,
    current: &mut Option<Address>,
) -> Result<()> {
    let (key, value) = line
        .split_once('=')
        .with_context(|| format!("`{line}` is not key=value"))?;
    let (key, value) = (key.trim(), value.trim());
    if key == "domain_bus_device_function" {
        let address =
            address(value).with_context(|| format!("`{value}` is not like 0000:03:00.0"))?;
        let function = Function {
            address,
            ..Function::default()
        };
        if functions.insert(address, function).is_some() {
            bail!("{address} comes twice");
        }
        *current = Some(address);
        return Ok(());
    }
    let function = current
        .and_then(|address| functions.get_mut(&address))
        .with_context(|| format!("`{key}` comes before domain_bus_device_function"))?;
    if key == "driver" {
        function.driver = driver(value)?;
        return Ok(());
    }
    let number = number(value).with_context(|| format!("{key}: `{value}` is not a number"))?;
    let id = || u16::try_from(number).with_context(|| format!("{key}: {value} is too large"));
    match key {
        "vendor" => function.id.vendor = id()?,
        "device" => function.id.device = id()?,
        "revision" => function.revision = Value::Known(u8::try_from(number)?.into()),
        "bar0_bytes" => function.bar0_bytes = Value::Known(number),
        "vram_total_bytes" => function.vram_total_bytes = Value::Known(number),
        _ => bail!(
            "`{key}` is not known; there are domain_bus_device_function, vendor, device, revision, \
             bar0_bytes, driver and vram_total_bytes"
        ),
    }
    Ok(())
}

fn driver(name: &str) -> Result<Driver> {
    match Name::new(name.as_bytes()) {
        _ if name == "-" => Ok(Driver::None),
        Some(name) => Ok(Driver::Named(name)),
        None => bail!("driver: `{name}` is not the name of a driver, nor - for none"),
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => hexadecimal(digits.as_bytes()),
        None => decimal(text.as_bytes()),
    }
}

/// Parses an address in the PCI core's form.
pub(super) fn address(text: &str) -> Option<Address> {
    let (domain, rest) = text.split_once(':')?;
    let (bus, rest) = rest.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    let field = |text: &str, most: u64| hexadecimal(text.as_bytes()).filter(|&n| n <= most);
    let bus = field(bus, 0xff)?;
    let device = field(device, 0x1f)?;
    let function = field(function, 7)?;
    Some(Address {
        domain: field(domain, u32::MAX.into())?.try_into().ok()?,
        location: (bus << 8 | device << 3 | function).try_into().ok()?,
    })
}

impl PciBus for PciFile {
    fn cards(
        &mut self,
        each: impl FnMut(Function) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        let mut functions = self.0.values().copied();
        functions
            .by_ref()
            .filter(|function| function.id == Id::NAVI10)
            .try_for_each(each)
    }

    fn function_at(&mut self, address: Address) -> Result<Option<Function>, OutOfMemory> {
        Ok(self.0.get(&address).copied())
    }
}
