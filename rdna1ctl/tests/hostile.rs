// SPDX-License-Identifier: GPL-2.0

//! Malformed files: truncated, huge, not text. The command does not crash, and prints nothing that
//! controls a terminal.

mod machine;

use std::time::Duration;

use machine::Machine;
use proptest::prelude::*;
use rdna1ctl::root::Root;
use rdna1ctl::sources::log::lines;
use rdna1ctl::sources::processes::variables;
use rdna1ctl::sources::Facts;
use rdna1ctl::{documents, findings};

/// Files that the command reads on every machine, some only without the module.
const FILES: [&str; 18] = [
    "/sys/kernel/debug/rdna1/gpus",
    "/sys/kernel/debug/rdna1/counters",
    "/sys/class/kfd/kfd/topology/nodes/1/properties",
    "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/config",
    "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/resource",
    "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/uevent",
    "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/power/runtime_status",
    "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/power_state",
    "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/mem_info_vram_total",
    "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/fw_version/mec_fw_version",
    "/proc/4242/environ",
    "/proc/4242/comm",
    "/proc/4242/maps",
    "/proc/self/mounts",
    "/proc/cmdline",
    "/dev/kmsg",
    "/var/lib/dpkg/status",
    "/lib/modules/7.2.12+deb13-amd64/modules.dep",
];

fn machine(loaded: bool) -> Machine {
    let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
    if loaded {
        machine.load_module();
    }
    machine.add_program(4242, "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    machine
}

/// The text of all pages. The command may only refuse a module file, and must name it.
fn tell(machine: &Machine, file: &str) -> Option<String> {
    let facts = match Facts::read_closely(&Root::new(machine.root())) {
        Ok(facts) => facts,
        Err(error) => {
            let said = format!("{error:#}");
            let name = file.strip_prefix("/sys/kernel/debug/rdna1/");
            let is_named = name.is_some_and(|name| said.contains(&format!("{name}: ")));
            assert!(is_named, "{file}: {said}");
            return None;
        }
    };
    let mut paper = rdna1ctl::words::paper::TextWriter::of_width(80);
    let status = documents::StatusDocument::of(&facts);
    rdna1ctl::words::status::status(&mut paper, &status);
    rdna1ctl::words::doctor::doctor(&mut paper, &findings::all(&facts));
    rdna1ctl::words::pages::gpus(&mut paper, &facts.pages.gpus);
    let _ = findings::variables::settings(&facts);
    Some(anstream::adapter::strip_str(paper.text()).to_string())
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !c.is_control())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_in_any_file(loaded: bool, which in 0..FILES.len(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let machine = machine(loaded);
        machine.put(FILES[which], bytes);
        if let Some(text) = tell(&machine, FILES[which]) {
            prop_assert!(is_plain(&text), "{text:?}");
        }
    }

    #[test]
    fn any_file_cut_off(loaded: bool, which in 0..FILES.len(), keep in 0.0..1.0f64) {
        let machine = machine(loaded);
        let mut bytes = std::fs::read(machine.path(FILES[which])).unwrap_or_default();
        bytes.truncate((bytes.len() as f64 * keep) as usize);
        machine.put(FILES[which], bytes);
        if let Some(text) = tell(&machine, FILES[which]) {
            prop_assert!(is_plain(&text), "{text:?}");
        }
    }

    #[test]
    fn any_log(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        let _ = lines(&bytes);
    }

    #[test]
    fn a_log_is_read_as_written(texts in proptest::collection::vec("[ -~]{0,40}", 0..20)) {
        let log: String = (0u64..).zip(&texts).map(|(n, text)| format!("6,{n},{},-;{text}\n SUBSYSTEM=pci\n", n * 7)).collect();
        let seen = lines(log.as_bytes());
        prop_assert!(seen.iter().map(|line| &line.text).eq(&texts));
        prop_assert!(seen.iter().all(|line| line.microseconds == line.number * 7));
    }

    #[test]
    fn any_environment(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = variables(&bytes);
    }

    #[test]
    fn an_environment_is_read_as_written(values in proptest::collection::btree_map("HSA_[A-Z_]{1,9}", "[ -~]{0,20}", 0..9)) {
        let bytes: String = values.iter().map(|(name, value)| format!("{name}={value}\0OTHER=x\0")).collect();
        prop_assert!(variables(bytes.as_bytes()).into_iter().eq(values));
    }
}

/// The command cuts off or refuses huge files.
#[test]
fn huge_files() {
    for file in FILES {
        let machine = machine(true);
        // More than the command reads of any file, and more than a module file may hold.
        let size = if file == "/dev/kmsg" {
            9 << 20
        } else {
            2 << 20
        };
        machine.put(file, vec![b'x'; size]);
        if let Some(text) = tell(&machine, file) {
            assert!(is_plain(&text));
            // The text may name the file, but must not repeat its contents.
            assert!(text.len() < 100_000, "{file}: {} bytes", text.len());
        }
    }
}

/// A pipe in place of a file does not block the command. The module is loaded here: without it, the
/// core opens the files of sysfs, which has no pipes, without a check.
#[test]
fn pipes() {
    for file in FILES {
        let machine = machine(true);
        if machine.path(file).exists() {
            machine.remove(file);
        }
        let path = machine.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
        nix::unistd::mkfifo(&path, mode).unwrap();
        let mut command = assert_cmd::Command::from_std(machine.command(&["doctor"]));
        let ran = command.timeout(Duration::from_secs(60)).output().unwrap();
        assert!(ran.status.code().is_some(), "{file}: it waits");
    }
}
