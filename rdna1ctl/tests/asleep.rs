// SPDX-License-Identifier: GPL-2.0

//! No command wakes a sleeping card.
//!
//! The kernel wakes a card, or a bridge above it, when a program reads or opens certain files.
//! inotify shows which files below `/sys/devices` and `/dev` a command opens.

mod machine;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use machine::{Machine, COMMANDS};
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use serde_json::json;

/// Files that are safe to read of any card and bridge: the kernel shows remembered values. Source,
/// in Linux 7.2: `pci_config_attr()`, `resource_show()`, `power_state_show()`
/// (`drivers/pci/pci-sysfs.c`), `uevent_show()` (`drivers/base/core.c`), `runtime_status_show()`
/// (`drivers/base/power/sysfs.c`), `amdgpu_mem_info_vram_total_show()` (`amdgpu_vram_mgr.c`),
/// `FW_VERSION_ATTR()` (`amdgpu_ucode.c`).
const HARMLESS: [&str; 13] = [
    "class",
    "device",
    "fw_version/mec_fw_version",
    "kmsg",
    "mem_info_vram_total",
    "power/runtime_status",
    "power_state",
    "resource",
    "revision",
    "subsystem_device",
    "subsystem_vendor",
    "uevent",
    "vendor",
];

/// Files that wake a card, besides those that every fake card has: `config` and the link's files.
const WAKING: [&str; 9] = [
    "gpu_busy_percent",
    "hwmon/hwmon0/in0_input",
    "hwmon/hwmon0/temp1_input",
    "mem_busy_percent",
    "pp_dpm_mclk",
    "pp_dpm_sclk",
    "resource0",
    "rom",
    "vpd",
];

/// Records which files are opened in some folders.
struct Opened {
    inotify: Inotify,
    folders: Vec<(WatchDescriptor, PathBuf)>,
}

impl Opened {
    fn below(machine: &Machine, folders: &[&str]) -> Self {
        let mut opened = Self {
            inotify: Inotify::init(InitFlags::IN_NONBLOCK).unwrap(),
            folders: Vec::new(),
        };
        for folder in folders {
            opened.add(&machine.path(folder));
        }
        opened
    }

    fn add(&mut self, folder: &Path) {
        let watch = self.inotify.add_watch(folder, AddWatchFlags::IN_OPEN);
        self.folders.push((watch.unwrap(), folder.to_owned()));
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                self.add(&entry.path());
            }
        }
    }

    /// The files opened since the last call, without folders: listing one wakes nothing.
    fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        loop {
            let events = match self.inotify.read_events() {
                Err(Errno::EAGAIN) => return files,
                events => events.unwrap(),
            };
            for event in events {
                assert!(!event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW));
                let is_folder = event.mask.contains(AddWatchFlags::IN_ISDIR);
                if let Some(name) = event.name.filter(|_| !is_folder) {
                    let mut folders = self.folders.iter();
                    let (_, folder) = folders.find(|(watch, _)| *watch == event.wd).unwrap();
                    files.insert(folder.join(name));
                }
            }
        }
    }
}

fn is_harmless(file: &Path) -> bool {
    HARMLESS.iter().any(|end| file.ends_with(end))
}

/// Every command in each of its forms.
fn commands(folder: &Path) -> Vec<Vec<String>> {
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut commands: Vec<Vec<String>> = Vec::new();
    for command in COMMANDS {
        commands.push(words(&[command]));
        commands.push(words(&[command, "--json"]));
    }
    for command in [
        &["run", "--", "true"][..],
        &["run", "--no-env", "--", "true"],
        &["watch", "--count", "2", "--interval", "0.01"],
        &["metrics"],
        &["metrics", "--output", &file("metrics.prom")],
        &["report", &file("report.tar.gz")],
        &["report", "--private", &file("private.tar.gz")],
        &["generate", &file("generated")],
    ] {
        commands.push(words(command));
    }
    commands
}

/// A card behind its own switch, with files that wake it, beside an AMD GPU that always sleeps.
fn machine(capture: &str, powers: &[(&str, &str)]) -> Machine {
    let machine = Machine::without_module(&format!("reconstructed/{capture}"));
    machine.add_switch("8.0", 4);
    for name in WAKING {
        machine.put(&format!("/sys/bus/pci/devices/0000:03:00.0/{name}"), "1\n");
    }
    machine.set_power_of_path(powers);
    add_sleeping_gpu(&machine);
    machine
}

/// Adds an RX 6800 with its own switch. rdna1ctl does not cover it, and must not wake it either.
fn add_sleeping_gpu(machine: &Machine) {
    let upstream = "pci0000:00/0000:00:02.0/0000:0c:00.0";
    let card = format!("{upstream}/0000:0d:00.0/0000:0e:00.0");
    machine.link(
        "/sys/bus/pci/devices/0000:0e:00.0",
        &format!("../../../devices/{card}"),
    );
    for (place, device, class) in [
        (upstream.to_owned(), "0x1478", "0x060400"),
        (format!("{upstream}/0000:0d:00.0"), "0x1479", "0x060400"),
        (card, "0x73bf", "0x030000"),
    ] {
        let place = format!("/sys/devices/{place}");
        for (name, text) in [
            ("vendor", "0x1002"),
            ("device", device),
            ("class", class),
            ("config", "x"),
            ("current_link_speed", "16.0 GT/s PCIe"),
            ("current_link_width", "16"),
            ("max_link_speed", "16.0 GT/s PCIe"),
            ("max_link_width", "16"),
        ] {
            machine.put(&format!("{place}/{name}"), format!("{text}\n"));
        }
        machine.set_power(&place, "suspended", "D3cold");
    }
}

/// Power states of a sleeping card, of the two ports of its switch, and of the root port.
const SLEEPING: [[(&str, &str); 4]; 5] = [
    // All four sleep, as KFD's own runtime power management leaves them.
    [
        ("suspended", "D3cold"),
        ("suspended", "D3cold"),
        ("suspended", "D3cold"),
        ("suspended", "D3cold"),
    ],
    // Only the card sleeps.
    [
        ("suspended", "D3hot"),
        ("active", "D0"),
        ("active", "D0"),
        ("active", "D0"),
    ],
    // Runtime power management is off, so the status shows nothing.
    [
        ("unsupported", "D3hot"),
        ("active", "D0"),
        ("active", "D0"),
        ("active", "D0"),
    ],
    // The card is falling asleep or waking.
    [
        ("suspending", "D0"),
        ("active", "D0"),
        ("active", "D0"),
        ("active", "D0"),
    ],
    // The card failed to wake.
    [
        ("error", "D3cold"),
        ("active", "D0"),
        ("active", "D0"),
        ("active", "D0"),
    ],
];

/// The root port above the GPU that always sleeps.
const OTHER: &str = "/sys/devices/pci0000:00/0000:00:02.0";

/// A sleeping bridge above an active card. No kernel does that, but rdna1ctl does not rely on it.
const BRIDGE_SLEEPS: [(&str, &str); 4] = [
    ("active", "D0"),
    ("active", "D0"),
    ("active", "D0"),
    ("suspended", "D3hot"),
];

const AWAKE: [(&str, &str); 4] = [("active", "D0"); 4];

fn for_each_command(machine: &Machine, check: impl Fn(&[String], BTreeSet<PathBuf>)) {
    let folder = tempfile::tempdir().unwrap();
    let opened = Opened::below(machine, &["/sys/devices", "/dev"]);
    for command in commands(folder.path()) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let ran = machine.run(&words);
        assert!(
            ran.status.code().is_some_and(|status| status != 2),
            "{words:?}: {ran:?}"
        );
        check(&command, opened.files());
    }
}

#[test]
fn no_command_opens_a_file_that_wakes() {
    for powers in SLEEPING.iter().chain([&BRIDGE_SLEEPS]) {
        for capture in [
            "0x731f-5700xt-largebar",
            "lie-hive-id",
            "stale-node-after-rescan",
        ] {
            for loaded in [false, true] {
                let machine = machine(capture, powers);
                if loaded {
                    machine.load_module();
                }
                for_each_command(&machine, |command, files| {
                    let waking: Vec<_> = files.iter().filter(|file| !is_harmless(file)).collect();
                    assert!(waking.is_empty(), "{powers:?}, {command:?}: {waking:#?}");
                });
            }
        }
    }
}

/// The test above can fail: commands read these files of an active card, and the test sees it.
#[test]
fn files_that_wake_are_read_of_a_card_that_is_awake() {
    let machine = machine("0x731f-5700xt-largebar", &AWAKE);
    for_each_command(&machine, |command, files| {
        let has = |end: &str| files.iter().any(|file| file.ends_with(end));
        if command[0] == "generate" {
            assert!(files.is_empty(), "{files:#?}");
            return;
        }
        assert!(has("0000:03:00.0/config"), "{command:?}: {files:#?}");
        assert!(
            has("0000:03:00.0/power/runtime_status"),
            "{command:?}: {files:#?}"
        );
        let reads_all = !matches!(
            command[0].as_str(),
            "heaps" | "checks" | "gpus" | "counters" | "metrics"
        );
        let other = files
            .iter()
            .filter(|file| file.starts_with(machine.path(OTHER)));
        let waking: Vec<_> = other.filter(|file| !is_harmless(file)).collect();
        assert!(waking.is_empty(), "{command:?}: {waking:#?}");
        // The link of the card's own switch is the link to the slot.
        let port = "0000:01:00.0/current_link_width";
        assert_eq!(has(port), reads_all, "{command:?}: {files:#?}");
    });
}

#[test]
fn a_sleeping_card_is_no_trouble() {
    for powers in &SLEEPING {
        let machine = machine("0x731f-5700xt-largebar", powers);
        machine.load_module();
        let page = machine.says(&["status"], 0);
        for line in [
            "  power      asleep; rdna1ctl does not wake the card\n",
            "  link       not read: the card sleeps\n",
            "  atomics    not read: the card sleeps\n",
            "  BAR        8.0 GiB: the CPU reaches all of VRAM\n",
        ] {
            assert!(page.contains(line), "{line:?} is not in {page}");
        }
        let card = &machine.json("status", 0)["cards"][0];
        assert_eq!(card["power"], "asleep");
        let link = &card["slot_link"];
        assert_eq!(link["port"], "0000:01:00.0");
        for key in ["gts", "width", "gts_max", "width_max"] {
            assert_eq!(link[key], json!(null), "{key}");
        }
        let found = machine.findings();
        let ids: Vec<_> = found
            .iter()
            .map(|(id, state, _)| (&**id, &**state))
            .collect();
        assert_eq!(
            ids,
            [("card-asleep", "unseen"), ("amdgpu-package", "unseen")],
            "{found:#?}"
        );
        let page = machine.says(&["metrics"], 0);
        assert!(
            page.contains("rdna1_card_asleep{gpu=\"0000:03:00.0\"} 1\n"),
            "{page}"
        );
        assert!(!page.contains("rdna1_card_atomics"), "{page}");
    }
}

/// No advice to use root: root could not read a sleeping card either.
#[test]
fn another_user_is_not_sent_to_root_by_a_sleeping_card() {
    let machine = machine("0x731f-5700xt-largebar", &SLEEPING[0]);
    machine.put(
        "/proc/self/status",
        "Name:\trdna1ctl\nUid:\t1000\t1000\t1000\t1000\n",
    );
    let page = machine.says(&["status"], 0);
    assert!(!page.contains("only root can read"), "{page}");
}

/// amdgpu failed to suspend the card: the kernel shows the failure instead of the status.
#[test]
fn a_failed_suspend_is_no_sleep() {
    let mut powers = AWAKE;
    powers[0] = ("error", "D0");
    let machine = machine("0x731f-5700xt-largebar", &powers);
    let page = machine.says(&["status"], 0);
    assert!(page.contains("8 GT/s x4 now"), "{page}");
    assert_eq!(machine.json("gpus", 0)["records"][0]["power"], "active");
}

#[test]
fn watch_shows_that_the_card_falls_asleep() {
    use std::io::Read as _;
    let machine = machine("0x731f-5700xt-largebar", &AWAKE);
    let mut watch = machine.command(&["watch", "--interval", "0.05", "--count", "1000"]);
    let mut child = watch.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut seen = String::new();
    let mut until = |word: &str| {
        let mut buffer = [0; 4096];
        while !seen.contains(word) {
            let size = out.read(&mut buffer).unwrap();
            assert_ne!(size, 0, "{seen}");
            seen.push_str(std::str::from_utf8(&buffer[..size]).unwrap());
        }
    };
    until("atomics");
    machine.set_power_of_path(&SLEEPING[0]);
    until("+   power      asleep; rdna1ctl does not wake the card");
    child.kill().unwrap();
    child.wait().unwrap();
}
