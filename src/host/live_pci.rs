// SPDX-License-Identifier: GPL-2.0

//! Reads the PCI core's facts from sysfs, without the module.
//!
//! `Documentation/ABI/testing/sysfs-bus-pci` defines the names and forms of the files. Users other
//! than root can read only the first 64 bytes of configuration space (`pci_read_config()`,
//! `drivers/pci/pci-sysfs.c`). The reach of AtomicOps is unknown to them.

use std::{
    fs,
    io::Read as _,
    iter,
    path::{
        Path,
        PathBuf, //
    },
};

use crate::facts::{
    atomics::{
        atomics,
        Atomics,
        Hop,
        PortType, //
    },
    map::OutOfMemory,
    pci::{
        Address,
        Driver,
        ExpressLink,
        Function,
        Id,
        Name,
        PciBus,
        Power,
        RenderNode, //
    },
    properties::{
        decimal,
        hexadecimal, //
    },
    value::Value, //
};

use super::pci_file::address;

/// The functions below `/sys`.
const DEVICES: &str = "sys/bus/pci/devices";

/// The longest file that is read, in bytes: one page, and all of configuration space.
const MAX_BYTES: u64 = 4096;

/// `PCI_STATUS`, `PCI_STATUS_CAP_LIST`, `PCI_CAPABILITY_LIST`, `PCI_CAP_ID_EXP`, `PCI_EXP_FLAGS`,
/// `PCI_EXP_DEVCAP2`, `PCI_EXP_DEVCTL2` (`include/uapi/linux/pci_regs.h`).
const STATUS: usize = 0x06;
const HAS_CAPABILITIES: u64 = 0x10;
const FIRST_CAPABILITY: usize = 0x34;
const EXPRESS: u64 = 0x10;
const FLAGS: usize = 0x02;
const CAPABILITIES_2: usize = 0x24;
const CONTROL_2: usize = 0x28;

/// The PCI bus of a running system.
pub struct LivePci(PathBuf);

impl LivePci {
    /// The bus of the system whose root folder is `root`, if it has one.
    pub fn open(root: &Path) -> Option<Self> {
        let devices = root.join(DEVICES);
        devices.is_dir().then_some(Self(devices))
    }

    fn folder(&self, address: Address) -> PathBuf {
        self.0.join(address.to_string())
    }
}

impl PciBus for LivePci {
    fn cards(
        &mut self,
        mut each: impl FnMut(Function) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        let Ok(entries) = fs::read_dir(&self.0) else {
            return Ok(());
        };
        let addresses = entries.filter_map(|entry| address(entry.ok()?.file_name().to_str()?));
        for address in addresses {
            let folder = self.folder(address);
            if id(&folder, "vendor", "device") == Some(Id::NAVI10) {
                each(function(&folder, address))?;
            }
        }
        Ok(())
    }

    fn function_at(&mut self, address: Address) -> Result<Option<Function>, OutOfMemory> {
        let folder = self.folder(address);
        Ok(folder.is_dir().then(|| function(&folder, address)))
    }
}

/// Whether the function with this folder in sysfs, and each bridge above it, is awake.
///
/// Only then may a program read `config`, `current_link_*` and `max_link_*` of the function or of a
/// bridge. These files read configuration space. For that, the kernel wakes the bridge above a
/// function, and the function itself from D3cold (`pci_config_pm_runtime_get()`,
/// `drivers/pci/pci.c`). All other files that this program reads show remembered values.
pub fn is_awake(folder: &Path) -> bool {
    all_awake(&path_to_root(folder, Address::default()))
}

fn all_awake(path: &[(PathBuf, Address)]) -> bool {
    path.iter()
        .all(|(folder, _)| power(folder) == Power::Active)
}

fn function(folder: &Path, address: Address) -> Function {
    let path = path_to_root(folder, address);
    let is_awake = all_awake(&path);
    let link = |speed, width| match is_awake {
        true => link(folder, speed, width),
        false => ExpressLink::default(),
    };
    Function {
        address,
        // An unreadable id becomes 0:0, which is not a card's.
        id: id(folder, "vendor", "device").unwrap_or_default(),
        subsystem: id(folder, "subsystem_vendor", "subsystem_device"),
        revision: number(folder, "revision"),
        bar0_bytes: bar0(folder).map_or(Value::Unreadable, Value::Known),
        driver: driver(folder),
        render_node: render_node(folder),
        vram_total_bytes: vram_total(folder),
        mec_fw: number(folder, "fw_version/mec_fw_version"),
        power: power(folder),
        link: link("current_link_speed", "current_link_width"),
        link_at_most: link("max_link_speed", "max_link_width"),
        atomics: match is_awake {
            true => path_atomics(&path),
            false => Atomics::Unknown,
        },
    }
}

/// Whether a function sleeps. Both files only show values that the kernel remembers.
fn power(folder: &Path) -> Power {
    let status = text(folder, "power/runtime_status");
    let state = text(folder, "power_state");
    let is_running = match status.as_deref() {
        // Kernels without power management lack this file.
        None | Some("active" | "unsupported") => true,
        // `runtime_status_show()` (`drivers/base/power/sysfs.c`) shows an earlier failure instead
        // of the status. Until that is cleared, the kernel neither suspends nor resumes the
        // function.
        Some("error") => state.as_deref() == Some("D0"),
        Some(_) => false,
    };
    // Kernels before 5.11 lack this file.
    let is_on = matches!(state.as_deref(), None | Some("D0" | "unknown"));
    match is_running && is_on {
        true => Power::Active,
        false => Power::Asleep,
    }
}

/// The function's folder below `/sys/devices`, and those of the bridges above it, nearest first.
fn path_to_root(folder: &Path, own: Address) -> Vec<(PathBuf, Address)> {
    let Ok(place) = fs::canonicalize(folder) else {
        return vec![(folder.to_owned(), own)];
    };
    let bridges = iter::successors(place.parent(), |folder| folder.parent());
    let bridges = bridges.map_while(|folder| {
        let address = address(folder.file_name()?.to_str()?)?;
        Some((folder.to_owned(), address))
    });
    let bridges: Vec<_> = bridges.collect();
    iter::once((place, own)).chain(bridges).collect()
}

/// amdgpu registers `drm/renderD<minor>` when its probe is done.
fn render_node(folder: &Path) -> RenderNode {
    let entries = fs::read_dir(folder.join("drm")).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let minor = |name: String| decimal(name.strip_prefix("renderD")?.as_bytes());
    let mut minors = names.filter_map(minor);
    minors.next().map_or(RenderNode::None, RenderNode::Minor)
}

fn vram_total(folder: &Path) -> Value {
    match text(folder, "mem_info_vram_total") {
        Some(text) => decimal(text.as_bytes()).map_or(Value::Unreadable, Value::Known),
        None => Value::Absent,
    }
}

fn bytes(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn text(folder: &Path, file: &str) -> Option<String> {
    let text = String::from_utf8(bytes(&folder.join(file))?).ok()?;
    Some(text.trim_end().to_owned())
}

fn number(folder: &Path, file: &str) -> Value {
    let Some(text) = text(folder, file) else {
        return Value::Absent;
    };
    let number = text
        .strip_prefix("0x")
        .and_then(|digits| hexadecimal(digits.as_bytes()));
    number.map_or(Value::Unreadable, Value::Known)
}

fn id(folder: &Path, vendor: &str, device: &str) -> Option<Id> {
    Some(Id {
        vendor: number(folder, vendor).known()?.try_into().ok()?,
        device: number(folder, device).known()?.try_into().ok()?,
    })
}

/// The size of BAR0: the first line of `resource` holds its start, its end and its flags.
fn bar0(folder: &Path) -> Option<u64> {
    let text = text(folder, "resource")?;
    let mut words = text.lines().next()?.split(' ');
    let mut word = || hexadecimal(words.next()?.strip_prefix("0x")?.as_bytes());
    let (start, end) = (word()?, word()?);
    if end == 0 {
        return Some(0);
    }
    end.checked_sub(start)?.checked_add(1)
}

fn driver(folder: &Path) -> Driver {
    let Some(text) = text(folder, "uevent") else {
        return Driver::Unreadable;
    };
    let name = text.lines().find_map(|line| line.strip_prefix("DRIVER="));
    name.map_or(Driver::None, |name| {
        Name::new(name.as_bytes()).map_or(Driver::Unreadable, Driver::Named)
    })
}

/// A link, from text such as `16.0 GT/s PCIe` and `16`.
fn link(folder: &Path, speed: &str, width: &str) -> ExpressLink {
    let code = text(folder, speed).and_then(|text| match text.split(' ').next()? {
        "2.5" => Some(1),
        "5.0" => Some(2),
        "8.0" => Some(3),
        "16.0" => Some(4),
        "32.0" => Some(5),
        "64.0" => Some(6),
        _ => None,
    });
    let width = text(folder, width).and_then(|text| decimal(text.as_bytes()));
    ExpressLink {
        speed_code: code.map_or(Value::Unreadable, Value::Known),
        width: width.map_or(Value::Unreadable, Value::Known),
    }
}

/// How far AtomicOps get from the card, which comes first.
fn path_atomics(path: &[(PathBuf, Address)]) -> Atomics {
    let mut hops = path.iter().map(|(folder, address)| hop(folder, *address));
    match hops.next() {
        Some(card) => atomics(&card, hops),
        None => Atomics::Unknown,
    }
}

fn hop(folder: &Path, address: Address) -> Hop {
    let space = bytes(&folder.join("config")).unwrap_or_default();
    let express = express(&space);
    // Without the capability the registers read as 0, as in the PCI core.
    let register = |offset: usize, size: usize| match express {
        None => None,
        Some(None) => Some(0),
        Some(Some(start)) => little_endian(&space, start.checked_add(offset)?, size),
    };
    let value = |offset, size| register(offset, size).map_or(Value::Unreadable, Value::Known);
    Hop {
        address,
        port: register(FLAGS, 2).map(PortType::of_flags),
        capabilities: value(CAPABILITIES_2, 4),
        control: value(CONTROL_2, 2),
    }
}

/// The offset of the PCI Express capability; `Some(None)` without one, `None` if it cannot be read.
fn express(space: &[u8]) -> Option<Option<usize>> {
    if little_endian(space, STATUS, 2)? & HAS_CAPABILITIES == 0 {
        return Some(None);
    }
    let mut next = little_endian(space, FIRST_CAPABILITY, 1)?;
    // Configuration space has room for 48 capabilities.
    for _ in 0..48 {
        let place = usize::try_from(next & 0xfc).ok()?;
        if place < 0x40 {
            return Some(None);
        }
        if little_endian(space, place, 1)? == EXPRESS {
            return Some(Some(place));
        }
        next = little_endian(space, place.checked_add(1)?, 1)?;
    }
    None
}

fn little_endian(space: &[u8], start: usize, size: usize) -> Option<u64> {
    let bytes = space.get(start..start.checked_add(size)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)),
    )
}
