// SPDX-License-Identifier: GPL-2.0

//! The documents show the real output of the command.
//!
//! `<!-- on: NAME -->` names the machine of the next block; `UPDATE_DOCS=1` rewrites the blocks.

mod machine;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use anstream::adapter::strip_str;
use machine::{requests, Machine};
use rdna1ctl::words::{self, paper::TextWriter};

const FENCE: &str = "```";

/// The documents, and the minimum number of commands in each.
const DOCUMENTS: [(&str, usize); 4] = [
    ("README.md", 3),
    ("docs/rdna1ctl.md", 17),
    ("docs/wishes.md", 9),
    ("docs/requests.md", 1),
];

/// The kernel's log lines when a program's code faults and hangs: level, time, text.
const FAULTS: [(u8, u64, &str); 7] = [
    (3, 81_000_000, "amdgpu 0000:03:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770)"),
    (3, 81_000_001, "amdgpu 0000:03:00.0: amdgpu:  Process python3 pid 4242 thread python3 pid 4242"),
    (3, 82_000_000, "amdgpu 0000:03:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770)"),
    (3, 82_000_001, "amdgpu 0000:03:00.0: amdgpu:  Process python3 pid 4242 thread python3 pid 4242"),
    (3, 91_000_000, "amdgpu: The cp might be in an unrecoverable state due to an unsuccessful queues preemption"),
    (6, 91_000_001, "amdgpu 0000:03:00.0: amdgpu: GPU reset begin!"),
    (6, 92_000_000, "amdgpu 0000:03:00.0: amdgpu: GPU reset(1) succeeded!"),
];

/// The log lines in the form of /dev/kmsg, numbered from `first` and delayed by `later`.
fn faults(first: u64, later: u64) -> String {
    let lines = (first..).zip(FAULTS);
    let lines = lines.map(|(number, (level, time, text))| {
        format!("{level},{number},{},-;{text}\n", time + later)
    });
    lines.collect()
}

fn machine(name: &str) -> Machine {
    match name {
        "healthy" => Machine::healthy(),
        "lie" => Machine::without_module("reconstructed/lie-hive-id"),
        "crowded" => Machine::crowded(),
        "asleep" => {
            let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
            machine.set_power_of_path(&[("suspended", "D3cold"), ("suspended", "D3cold")]);
            machine.load_module();
            machine
        }
        "old-node" => {
            let machine = Machine::without_module("reconstructed/stale-node-after-rescan");
            machine.load_module();
            machine
        }
        "troubled" => {
            let machine = Machine::healthy();
            machine.put("/proc/self/mounts", "proc /proc proc rw 0 0\n");
            machine.set_atomics("0000:03:00.0", machine::Atomics::None);
            let link = "/sys/class/kfd/kfd/topology/nodes/1/io_links/0/properties";
            machine.edit(link, "flags 1", "flags 13");
            machine.add_program(4242, "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
            machine
        }
        // The path to the card refuses AtomicOps, and the firmware is too old to work without.
        "absent" => {
            let machine = Machine::healthy();
            machine.remove("/sys/class/kfd/kfd/topology/nodes/1");
            machine.put("/sys/class/kfd/kfd/topology/generation_id", "1\n");
            machine.set_atomics("0000:03:00.0", machine::Atomics::None);
            let firmware = "/sys/bus/pci/devices/0000:03:00.0/fw_version/mec_fw_version";
            machine.put(firmware, "0x00000090\n");
            machine.put(
                "/dev/kmsg",
                "6,1,100,-;kfd kfd: amdgpu: skipped device 1002:731f, PCI rejects atomics 144<145\n",
            );
            machine.write_files();
            machine
        }
        // A unit sets an override for a daemon that has not opened /dev/kfd yet.
        "daemon" => {
            let machine = Machine::healthy();
            machine.put("/proc/812/comm", "ollama\n");
            machine.put("/proc/812/environ", "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
            machine.put("/proc/812/cgroup", "0::/system.slice/ollama.service\n");
            machine.put(
                "/etc/systemd/system/ollama.service.d/override.conf",
                "[Service]\nEnvironment=\"HSA_OVERRIDE_GFX_VERSION=10.3.0\"\n",
            );
            machine
        }
        // A program's code made the card fault and hang.
        "fault" => {
            let machine = Machine::healthy();
            let log = std::fs::read_to_string(machine.path("/dev/kmsg")).unwrap();
            machine.put("/dev/kmsg", format!("{log}{}", faults(902, 0)));
            // A program that causes the same fault again.
            let script = "#!/bin/sh\ncat $ROOT/new >> $ROOT/dev/kmsg\n";
            machine.put("/programs/train", script);
            let runs = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(machine.path("/programs/train"), runs).unwrap();
            machine.put("/new", faults(909, 60_000_000));
            machine
        }
        // A container that was started without the card's devices.
        "container" => {
            let machine = Machine::without_module("reconstructed/0x731f-5700xt-largebar");
            machine.put("/.dockerenv", "");
            for place in ["/dev/kfd", "/dev/dri", "/boot", "/lib/modules"] {
                machine.remove(place);
            }
            machine
        }
        "parameters" => {
            let machine = Machine::healthy();
            machine.put("/proc/cmdline", "ro quiet amdgpu.cwsr_enable=0");
            machine
        }
        "without-library" => {
            let machine = Machine::healthy();
            machine.put("/opt/rocm/.info/version", "6.0.0\n");
            let library = "/opt/rocm/lib/rocblas/library/TensileLibrary_lazy_gfx1030.dat";
            machine.put(library, "");
            machine
        }
        // A program runs a wheel's PyTorch; ollama brings its own libraries.
        "wheel" => {
            let machine = Machine::healthy();
            let packages = "/srv/venv/lib/python3.12/site-packages";
            machine.add_torch(packages, "2.6.0+rocm6.2.4", &["gfx900", "gfx1030"]);
            let library = |name: &str| format!("{packages}/torch/lib/{name}");
            let files = [library("librocblas.so"), library("libtorch_hip.so")];
            machine.add_mapping_program(4242, "/", &[&files[0], &files[1]]);
            let ollama = "/usr/lib/ollama/rocm";
            machine.add_kernels(&format!("{ollama}/rocblas/library"), &["gfx1010"]);
            let own = machine::code::fat(&[&machine::code::listed(&["gfx1010", "gfx1030"])]);
            machine.put(&format!("{ollama}/libggml-hip.so"), own);
            machine.put(&format!("{ollama}/librocblas.so.4.2.60304"), "");
            machine
        }
        other => panic!("there is no machine called {other}"),
    }
}

/// The shell's output for that line on that machine: both streams, in order.
fn shown(machine: &Machine, line: &str) -> String {
    if line.starts_with("$ sudo rdna1ctl requests") {
        // A fake machine cannot be traced.
        let mut paper = TextWriter::of_width(80);
        words::requests::requests(&mut paper, &requests::document(&requests::counts()));
        return strip_str(paper.text()).to_string();
    }
    let words = line.strip_prefix("$ rdna1ctl ").unwrap();
    let program = machine.command(&[]);
    let mut command = std::process::Command::new("sh");
    let start: Vec<_> = [program.get_program()]
        .into_iter()
        .chain(program.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    let path = std::env::var("PATH").unwrap();
    let output = command
        .args(["-c", &format!("{} {words} 2>&1", start.join(" "))])
        .env("ROOT", machine.root())
        .env(
            "PATH",
            format!("{}:{}", machine.path("/programs").display(), path),
        )
        .env("COLUMNS", "80")
        // `run` must remove it from the environment of the program that it starts.
        .env("HSA_OVERRIDE_GFX_VERSION", "10.3.0")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The document with rewritten blocks, and the number of commands that ran.
fn anew(text: &str) -> (String, usize) {
    let mut made = String::new();
    let mut on = None;
    let mut ran = 0;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        made.push_str(&format!("{line}\n"));
        if let Some(name) = line
            .strip_prefix("<!-- on: ")
            .and_then(|rest| rest.strip_suffix(" -->"))
        {
            on = Some(machine(name));
        }
        if line != "```console" {
            continue;
        }
        let machine = on.take().expect("a block without a machine");
        for line in lines.by_ref().take_while(|line| *line != FENCE) {
            if line.starts_with("$ ") {
                ran += 1;
                made.push_str(&format!("{line}\n{}", shown(&machine, line)));
            }
        }
        made.push_str(&format!("{FENCE}\n"));
    }
    (made, ran)
}

#[test]
fn every_output_is_as_shown() {
    for (document, least) in DOCUMENTS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        let (made, ran) = anew(&text);
        assert!(ran >= least, "{document}: {ran} lines were run");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, made).unwrap();
            continue;
        }
        for (number, (kept, now)) in (1..).zip(text.lines().zip(made.lines())) {
            assert_eq!(
                kept, now,
                "{document}, line {number}: run this test with UPDATE_DOCS=1"
            );
        }
        assert_eq!(text, made);
    }
}
