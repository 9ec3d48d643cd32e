// SPDX-License-Identifier: GPL-2.0

//! The command `report`: the contents of the archive, and its verdict on another machine.

mod machine;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use machine::Machine;
use rdna1_kfd_guard::facts::snapshot::Snapshot;
use rdna1_kfd_guard::facts::tally::Tally;
use rdna1_kfd_guard::host::{Capture, PciFile};
use rdna1_kfd_guard::observe::observe;
use rdna1_kfd_guard::text;

/// A machine with private words that are easy to find in an archive.
fn private_machine() -> Machine {
    let machine = Machine::healthy();
    let node = "/sys/class/kfd/kfd/topology/nodes/1/properties";
    machine.edit(node, "unique_id 0", "unique_id 1234567890123");
    machine.put(
        "/proc/cmdline",
        "root=UUID=secret-disk amdgpu.debug_mask=2 ip=secret-host",
    );
    machine.put("/proc/sys/kernel/hostname", "secret-host\n");
    machine.add_program(
        4242,
        "HSA_OVERRIDE_GFX_VERSION=10.3.0\0LD_PRELOAD=/home/secret-user/shim.so\0PASSWORD=secret-word\0",
    );
    machine.put("/proc/4242/comm", "secret-name) x\n");
    let log = std::fs::read_to_string(machine.path("/dev/kmsg")).unwrap();
    machine.put(
        "/dev/kmsg",
        format!("{log}6,902,8000000,-;wlan0: associated with secret-network\n\
             4,903,8000001,-;amdgpu 0000:03:00.0: amdgpu:  for process secret-name) x pid 4242 thread secret-name:cs0 pid 4243\n\
             4,904,8000002,-;secret-name x[4242]: segfault at 0 ip 00007f sp 00007f error 4 in libdrm_amdgpu.so.1.0.0[7f]\n\
             4,905,8000003,-;traps: secret-name[4242] general protection fault ip:7f sp:7f error:0 in libamdgpu.so[7f]\n\
             5,906,8000004,-;audit: type=1400 apparmor=\"DENIED\" name=\"/dev/kfd\" pid=4242 comm=\"secret-name\" fsuid=4243\n\
             4,907,8000005,-;CPU: 3 UID: 4243 PID: 4242 Comm: secret-kfd x Not tainted 7.2.12\n\
             3,908,8000006,-;INFO: task secret-amdgpu:4242 blocked for more than 120 seconds.\n\
             3,909,8000007,-;Out of memory: Killed process 4242 (secret-amdgpu) total-vm:1kB, UID:4243 pgtables:1kB\n"),
    );
    machine
}

fn report(machine: &Machine, options: &[&str]) -> (tempfile::TempDir, BTreeMap<String, String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.tar.gz");
    let mut arguments = vec!["report", file.to_str().unwrap()];
    arguments.extend(options);
    machine.says(&arguments, 0);
    let packed = std::fs::File::open(&file).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let place = folder.path().join(&name);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, &text).unwrap();
        files.insert(name.strip_prefix("rdna1-report/").unwrap().to_owned(), text);
    }
    (folder, files)
}

/// The output of `classify --pci FOLDER/pci FOLDER`.
fn classify(folder: &Path) -> String {
    let mut topology = Capture::open(folder).unwrap();
    let mut pci = PciFile::open(&folder.join("pci")).unwrap();
    let mut tally = Tally::default();
    let snapshot: Snapshot = observe(&mut topology, Some(&mut pci), &mut tally)
        .ok()
        .unwrap();
    let mut page = String::new();
    text::heaps(&snapshot, &mut page).unwrap();
    text::checks(&snapshot, &mut page).unwrap();
    page
}

#[test]
fn it_is_judged_elsewhere_as_it_was_here() {
    for capture in [
        "0x731f-5700xt-largebar",
        "lie-bank-larger-than-vram",
        "lie-hive-id",
        "lie-hotplug-flag",
        "lie-second-node",
        "stale-node-after-rescan",
        "unbound-then-bar-resized",
    ] {
        let machine = Machine::without_module(&format!("reconstructed/{capture}"));
        let (folder, files) = report(&machine, &[]);
        let here = format!("{}{}", files["files/heaps"], files["files/checks"]);
        assert_eq!(
            classify(&folder.path().join("rdna1-report")),
            here,
            "{capture}"
        );
    }
}

#[test]
fn nothing_private_is_in_it() {
    let (_folder, files) = report(&private_machine(), &[]);
    for (name, text) in &files {
        for word in ["secret", "1234567890123", "4242", "4243"] {
            assert!(!text.contains(word), "{word} in {name}: {text}");
        }
    }
    // The archive has the facts that a bug report needs.
    for (name, word) in [
        ("about.txt", "amdgpu.debug_mask=2"),
        ("about.txt", "7.2.12+deb13-amd64"),
        ("files/counters", "# rdna1 counters v1"),
        ("topology/nodes/1/properties", "unique_id 0\n"),
        ("topology/nodes/1/properties", "hive_id 0\n"),
        ("pci", "bar0_bytes=8589934592"),
        (
            "kernel-log.txt",
            "amdgpu:  for process ? pid ? thread ? pid ?",
        ),
        ("kernel-log.txt", "added device 1002:731f"),
        (
            "kernel-log.txt",
            "] ?[?]: segfault at 0 ip 00007f sp 00007f error 4 in libdrm_amdgpu.so",
        ),
        (
            "kernel-log.txt",
            "] traps: ?[?] general protection fault ip:7f",
        ),
        (
            "kernel-log.txt",
            "] CPU: 3 UID: ? pid ? Comm: ? Not tainted 7.2.12",
        ),
        ("kernel-log.txt", "] INFO: task ?:? blocked for more than"),
        (
            "kernel-log.txt",
            "Killed process ? (?) total-vm:1kB, UID: ? pgtables",
        ),
        ("doctor.json", "HSA_OVERRIDE_GFX_VERSION=10.3.0"),
        (
            "doctor.json",
            "process 0 (left-out) makes libraries take the card for a gfx1030",
        ),
        ("status.json", "\"verdict\": \"truth\""),
    ] {
        assert!(
            files[name].contains(word),
            "{word} is not in {name}: {}",
            files[name]
        );
    }
}

#[test]
fn all_of_it_if_that_is_wanted() {
    let (_folder, files) = report(&private_machine(), &["--private"]);
    for (name, word) in [
        ("about.txt", "root=UUID=secret-disk"),
        ("topology/nodes/1/properties", "unique_id 1234567890123"),
        ("kernel-log.txt", "secret-network"),
        ("doctor.json", "/home/secret-user/shim.so"),
        ("status.json", "secret-name"),
    ] {
        assert!(
            files[name].contains(word),
            "{word} is not in {name}: {}",
            files[name]
        );
    }
    // rdna1ctl does not read variables that no ROCm library reads.
    assert!(!files.values().any(|text| text.contains("secret-word")));
}

#[test]
fn no_file_is_written_over() {
    let machine = Machine::healthy();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine");
    std::fs::write(&file, "mine").unwrap();
    let output = machine.run(&["report", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("name another file"));
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}
