// SPDX-License-Identifier: GPL-2.0

//! The card and the bridges above it, as the PCI core and amdgpu show them in sysfs.

use super::Machine;

/// The root port's support for AtomicOps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomics {
    Completer,
    None,
    /// Configuration space is cut off, as for users other than root.
    Unreadable,
}

/// The address of the root port.
const PORT: &str = "0000:00:01.0";

/// The minor number of the card's render node: `drm_render_minor` in the captures.
const RENDER_MINOR: u32 = 128;

/// The VRAM and MEC firmware that amdgpu publishes for a revision, as in the captures' nodes.
fn board(revision: &str) -> (&'static str, u32) {
    match revision {
        "0xca" => ("6425673728", 149),
        _ => ("8573157376", 156),
    }
}

impl Machine {
    /// Adds the function of a `classify --pci` file. Without a `driver` line, amdgpu drives a card.
    pub fn add_card(&self, pci: &str, atomics: Atomics) {
        let value = |key: &str| {
            let mut lines = pci.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        };
        let address = value("domain_bus_device_function").unwrap();
        let revision = value("revision").unwrap_or("0x00");
        let bar0: u64 = value("bar0_bytes").map_or(0, |bytes| bytes.parse().unwrap());
        let device = value("device").unwrap();
        let driver = value("driver").unwrap_or(match device {
            "0x731f" => "amdgpu",
            _ => "-",
        });
        let place = format!("/sys/devices/pci0000:00/{PORT}/{address}");
        self.link(
            &format!("/sys/bus/pci/devices/{address}"),
            &format!("../../../devices/pci0000:00/{PORT}/{address}"),
        );
        let start = 0x20_0000_0000u64;
        let end = match bar0 {
            0 => 0,
            _ => start + bar0 - 1,
        };
        for (name, text) in [
            ("vendor", value("vendor").unwrap().to_owned()),
            ("device", device.to_owned()),
            ("class", "0x030000".to_owned()),
            ("revision", revision.to_owned()),
            ("subsystem_vendor", "0x1da2".to_owned()),
            ("subsystem_device", "0xe409".to_owned()),
            ("uevent", "PCI_ID=1002:731F".to_owned()),
            (
                "resource",
                format!("{start:#018x} {end:#018x} 0x000000000014220c"),
            ),
            ("current_link_speed", "16.0 GT/s PCIe".to_owned()),
            ("current_link_width", "16".to_owned()),
            ("max_link_speed", "16.0 GT/s PCIe".to_owned()),
            ("max_link_width", "16".to_owned()),
        ] {
            self.put(&format!("{place}/{name}"), text + "\n");
        }
        self.set_atomics(address, atomics);
        self.set_power(&place, "active", "D0");
        self.set_power(&format!("/sys/devices/pci0000:00/{PORT}"), "active", "D0");
        let (vram, mec) = board(revision);
        if driver == "amdgpu" {
            self.bind(address, value("vram_total_bytes").unwrap_or(vram), mec);
        }
    }

    /// Binds amdgpu to the function at that address.
    pub fn bind(&self, address: &str, vram_bytes: &str, mec_firmware: u32) {
        let place = format!("/sys/bus/pci/devices/{address}");
        for (name, text) in [
            ("uevent", "DRIVER=amdgpu\nPCI_ID=1002:731F".to_owned()),
            ("drm/card0/dev", "226:0".to_owned()),
            (
                &*format!("drm/renderD{RENDER_MINOR}/dev"),
                format!("226:{RENDER_MINOR}"),
            ),
            ("mem_info_vram_total", vram_bytes.to_owned()),
            ("fw_version/mec_fw_version", format!("{mec_firmware:#010x}")),
        ] {
            self.put(&format!("{place}/{name}"), text + "\n");
        }
    }

    /// Unbinds amdgpu from the function at that address.
    pub fn unbind(&self, address: &str) {
        let place = format!("/sys/bus/pci/devices/{address}");
        self.put(&format!("{place}/uevent"), "PCI_ID=1002:731F\n");
        for name in ["drm", "mem_info_vram_total", "fw_version"] {
            self.remove(&format!("{place}/{name}"));
        }
    }

    /// Sets the power of the card at 0000:03:00.0 and of each bridge above it, nearest first.
    pub fn set_power_of_path(&self, powers: &[(&str, &str)]) {
        let root = self.root().canonicalize().unwrap();
        let card = self.path("/sys/bus/pci/devices/0000:03:00.0");
        let card = card.canonicalize().unwrap();
        let bridges = card.ancestors().filter(|place| {
            let name = place.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("0000:")
        });
        let mut count = 0;
        for (place, (status, state)) in bridges.zip(powers) {
            let place = place.strip_prefix(&root).unwrap().to_str().unwrap();
            self.set_power(place, status, state);
            count += 1;
        }
        assert_eq!(count, powers.len());
    }

    /// Sets the power that the kernel remembers for the function with that folder.
    pub fn set_power(&self, folder: &str, runtime_status: &str, power_state: &str) {
        self.put(
            &format!("{folder}/power/runtime_status"),
            format!("{runtime_status}\n"),
        );
        self.put(&format!("{folder}/power_state"), format!("{power_state}\n"));
    }

    /// Adds a switch between the root port and the card at 0000:03:00.0, as on Navi10 cards. Its
    /// link to the slot has that speed and width.
    pub fn add_switch(&self, gts: &str, width: u32) {
        let port = format!("/sys/devices/pci0000:00/{PORT}");
        let below = format!("{port}/0000:01:00.0/0000:02:00.0");
        std::fs::create_dir_all(self.path(&below)).unwrap();
        let card = "0000:03:00.0";
        std::fs::rename(
            self.path(&format!("{port}/{card}")),
            self.path(&format!("{below}/{card}")),
        )
        .unwrap();
        let link = format!("/sys/bus/pci/devices/{card}");
        self.remove(&link);
        self.link(&link, &format!("../../..{}/{card}", &below["/sys".len()..]));
        for (place, device, gts, width) in [
            (format!("{port}/0000:01:00.0"), "0x1478", gts, width),
            (below, "0x1479", "16.0", 16),
        ] {
            for (name, text) in [
                ("vendor", "0x1002".to_owned()),
                ("device", device.to_owned()),
                ("class", "0x060400".to_owned()),
                ("current_link_speed", format!("{gts} GT/s PCIe")),
                ("current_link_width", width.to_string()),
                ("max_link_speed", "16.0 GT/s PCIe".to_owned()),
                ("max_link_width", "16".to_owned()),
            ] {
                self.put(&format!("{place}/{name}"), text + "\n");
            }
            self.set_power(&place, "active", "D0");
        }
    }

    /// Sets the AtomicOps support of the path to the card at that address.
    pub fn set_atomics(&self, address: &str, atomics: Atomics) {
        let port = format!("/sys/devices/pci0000:00/{PORT}");
        // An endpoint, and a root port whose Device Capabilities 2 have 32- and 64-bit completion.
        let completes = if atomics == Atomics::None { 0 } else { 0x180 };
        let mut card = config(0x0012, 0);
        let mut above = config(0x0042, completes);
        if atomics == Atomics::Unreadable {
            card.truncate(64);
            above.truncate(64);
        }
        self.put(&format!("{port}/config"), above);
        self.put(&format!("{port}/{address}/config"), card);
    }
}

/// Configuration space with a PM capability, and PCI Express behind it.
fn config(flags: u16, capabilities: u32) -> Vec<u8> {
    let mut space = vec![0; 256];
    space[0x06] = 0x10;
    space[0x34] = 0x48;
    space[0x48] = 0x01;
    space[0x49] = 0x58;
    space[0x58] = 0x10;
    space[0x5a..0x5c].copy_from_slice(&flags.to_le_bytes());
    space[0x7c..0x80].copy_from_slice(&capabilities.to_le_bytes());
    space
}
