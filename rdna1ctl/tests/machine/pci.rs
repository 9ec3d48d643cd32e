// SPDX-License-Identifier: GPL-2.0

//! The card and the root port above it, as the PCI core shows them.

use super::Machine;

/// What the root port makes of AtomicOps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomics {
    /// It completes them.
    Completer,
    /// It does not.
    None,
    /// Configuration space is cut off, as it is for others than root.
    Unreadable,
}

/// Where the root port is.
const PORT: &str = "0000:00:01.0";

impl Machine {
    /// Puts the card of a `classify --pci` file on the bus, with amdgpu as its driver.
    pub fn add_card(&self, pci: &str, atomics: Atomics) {
        let value = |key: &str| {
            let mut lines = pci.lines();
            lines
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .unwrap()
                .to_owned()
        };
        let address = value("domain_bus_device_function");
        let bar0: u64 = value("bar0_bytes").parse().unwrap();
        let place = format!("/sys/devices/pci0000:00/{PORT}/{address}");
        self.link(
            &format!("/sys/bus/pci/devices/{address}"),
            &format!("../../../devices/pci0000:00/{PORT}/{address}"),
        );
        let start = 0x20_0000_0000u64;
        let end = start + bar0 - 1;
        for (name, text) in [
            ("vendor", "0x1002\n".to_owned()),
            ("device", "0x731f\n".to_owned()),
            ("class", "0x030000\n".to_owned()),
            ("revision", format!("{}\n", value("revision"))),
            ("subsystem_vendor", "0x1da2\n".to_owned()),
            ("subsystem_device", "0xe409\n".to_owned()),
            ("uevent", "DRIVER=amdgpu\nPCI_ID=1002:731F\n".to_owned()),
            (
                "resource",
                format!("{start:#018x} {end:#018x} 0x000000000014220c\n"),
            ),
            ("current_link_speed", "16.0 GT/s PCIe\n".to_owned()),
            ("current_link_width", "16\n".to_owned()),
            ("max_link_speed", "16.0 GT/s PCIe\n".to_owned()),
            ("max_link_width", "16\n".to_owned()),
            ("drm/card0/dev", "226:0\n".to_owned()),
            ("drm/renderD128/dev", "226:128\n".to_owned()),
        ] {
            self.put(&format!("{place}/{name}"), text);
        }
        self.set_atomics(&address, atomics);
    }

    /// Puts a switch between the root port and the card at 0000:03:00.0, as Navi10 cards have one:
    /// its link to the slot is that narrow and slow.
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
        }
    }

    /// What the path to the card at that address makes of AtomicOps.
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
