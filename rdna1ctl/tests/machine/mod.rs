// SPDX-License-Identifier: GPL-2.0

//! Fake systems: root folders with the parts of `/sys`, `/proc`, `/dev` and `/var` that matter.

// Each test binary uses only a part of this.
#![allow(dead_code)]

pub mod code;
mod pci;
pub mod requests;

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rdna1_kfd_guard::facts::snapshot::Snapshot;
use rdna1_kfd_guard::facts::tally::Tally;
use rdna1_kfd_guard::host::{LivePci, LiveTopology};
use rdna1_kfd_guard::observe::observe;
use rdna1_kfd_guard::text;
use tempfile::TempDir;

pub use pci::Atomics;

/// The kernel of all fake systems.
pub const RELEASE: &str = "7.2.12+deb13-amd64";

/// Asserts that `said` contains all these words.
#[track_caller]
pub fn contains(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

/// The commands with `--json` that work on a fake system.
pub const COMMANDS: [&str; 7] = [
    "status", "heaps", "checks", "gpus", "counters", "doctor", "env",
];

/// The machines of the snapshots, with the exit status on each.
pub fn machines() -> [(&'static str, Machine, i32); 3] {
    let lie = Machine::without_module("reconstructed/lie-hive-id");
    [
        ("healthy", Machine::healthy(), 0),
        ("lie", lie, 1),
        ("bare", Machine::bare(), 0),
    ]
}

/// A fake system.
pub struct Machine {
    folder: TempDir,
}

pub fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../selftests/captures")
}

impl Machine {
    /// A machine without a card: it has a kernel, its command line, and root as the reader.
    pub fn bare() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        // Some tests read it as another user.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(machine.folder.path(), open).unwrap();
        machine.put("/proc/sys/kernel/osrelease", RELEASE);
        machine.put(
            "/proc/cmdline",
            "BOOT_IMAGE=/boot/vmlinuz root=UUID=1234-5678 ro quiet",
        );
        machine.put("/proc/self/status", "Name:\trdna1ctl\nUid:\t0\t0\t0\t0\n");
        machine.put("/proc/self/environ", "HOME=/root\0LANG=C\0");
        machine.put("/proc/self/mounts", "proc /proc proc rw 0 0\n");
        machine.put(
            "/proc/filesystems",
            "nodev\tsysfs\nnodev\tdebugfs\n\text4\n",
        );
        machine.put(
            "/dev/kmsg",
            "6,1,100,-;Linux version 7.2.12\n6,900,5860681,-;amdgpu: Virtual CRAT table created for GPU\n\
             6,901,7083426,-;kfd kfd: amdgpu: added device 1002:731f\n",
        );
        machine.put(
            "/sys/kernel/security/lockdown",
            "[none] integrity confidentiality\n",
        );
        machine.put(
            &format!("/boot/config-{RELEASE}"),
            "CONFIG_RUST=y\nCONFIG_DEBUG_FS=y\nCONFIG_HSA_AMD=y\n# CONFIG_X is not set\n",
        );
        machine.put("/etc/os-release", "ID=debian\nVERSION_CODENAME=trixie\n");
        for file in ["Makefile", "rust/libcore.rmeta"] {
            machine.put(&format!("/lib/modules/{RELEASE}/build/{file}"), "");
        }
        machine.put(
            &format!("/lib/modules/{RELEASE}/modules.dep"),
            "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz: kernel/lib/crc16.ko.xz\n\
             updates/rdna1_kfd_guard.ko.xz:\n",
        );
        fs::create_dir_all(machine.path("/sys/bus/pci/devices")).unwrap();
        machine
    }

    /// A 5700 XT with a large BAR and a true topology: amdgpu, KFD, firmware, and the module.
    pub fn healthy() -> Self {
        let machine = Self::without_module("reconstructed/0x731f-5700xt-largebar");
        machine.load_module();
        machine
    }

    /// The healthy machine, with files that the module itself wrote in a guest.
    pub fn recorded() -> Self {
        let machine = Self::healthy();
        let from = captures().join("guest-5700xt/rdna1");
        copy(&from, &machine.path("/sys/kernel/debug/rdna1"));
        machine
    }

    /// The healthy machine, with the user alice.
    pub fn of_alice() -> Self {
        let machine = Self::healthy();
        machine.put(
            "/etc/passwd",
            "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
        );
        machine
    }

    /// The machine of a capture, with its card on the bus, amdgpu loaded, and no module.
    pub fn without_module(capture: &str) -> Self {
        let machine = Self::bare();
        let from = captures().join(capture);
        copy(
            &from.join("topology"),
            &machine.path("/sys/class/kfd/kfd/topology"),
        );
        machine.put("/sys/class/kfd/kfd/topology/generation_id", "2\n");
        machine.put("/sys/module/amdgpu/refcnt", "1\n");
        machine.put("/sys/module/amdgpu/taint", "\n");
        for device in ["/dev/kfd", "/dev/dri/renderD128"] {
            machine.put(device, "");
            // Set here, so that the umask does not matter.
            let open = fs::Permissions::from_mode(0o666);
            fs::set_permissions(machine.path(device), open).unwrap();
        }
        machine.put("/etc/group", "root:x:0:\nrender:x:105:\n");
        machine.add_card(
            &fs::read_to_string(from.join("pci")).unwrap(),
            Atomics::Completer,
        );
        machine
    }

    /// Two GPUs, a MIOpen without results for the card, and an environment full of bad advice.
    pub fn crowded() -> Self {
        let nodes = "/sys/class/kfd/kfd/topology/nodes";
        let machine = Self::healthy();
        machine.put(&format!("{nodes}/2/gpu_id"), "777\n");
        machine.put(
            &format!("{nodes}/2/properties"),
            "vendor_id 4098\ndevice_id 5567\nlocation_id 1280\n",
        );
        machine.put("/opt/rocm/.info/version", "6.4.1\n");
        machine.put(
            "/opt/rocm/lib/rocblas/library/TensileLibrary_lazy_gfx1010.dat",
            "",
        );
        machine.put("/opt/rocm/share/miopen/db/gfx1030_36.HIP.fdb.txt", "");
        machine.put(
            "/proc/self/environ",
            "HSA_OVERRIDE_GFX_VERSION=10.3.0\0HSA_OVERRIDE_GFX_VERSION_1=10.3.0\0\
         HSA_OVERRIDE_GFX_VERSION_$(reboot)=1\0HSA_FORCE_FINE_GRAIN_PCIE=1\0\
         MIOPEN_FIND_ENFORCE=3\0MIOPEN_DEBUG_CONV_IMPLICIT_GEMM=0\0HOME=/root\0",
        );
        machine
    }

    /// The real path of a file of the machine.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and creates its folders.
    pub fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces text in a file.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{from} is not in {path}: {text}");
        self.put(path, text.replace(from, to));
    }

    pub fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    pub fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    /// Adds the traces of a loaded module, and the files that it would write now.
    pub fn load_module(&self) {
        self.put("/sys/module/rdna1_kfd_guard/initstate", "live\n");
        self.put(
            "/proc/self/mounts",
            "proc /proc proc rw 0 0\nnone /sys/kernel/debug debugfs rw 0 0\n",
        );
        self.write_files();
    }

    /// Rewrites the module's files from the system's current state, with the module's own code.
    pub fn write_files(&self) {
        let mut tally = Tally::default();
        let mut topology = LiveTopology::new(self.root());
        let mut bus = LivePci::open(self.root());
        let snapshot: Snapshot = observe(&mut topology, bus.as_mut(), &mut tally)
            .ok()
            .unwrap();
        let write = |name: &str, write: &dyn Fn(&mut String)| {
            let mut page = String::new();
            write(&mut page);
            self.put(&format!("/sys/kernel/debug/rdna1/{name}"), page);
        };
        write("gpus", &|page| text::gpus(&snapshot, page).unwrap());
        write("heaps", &|page| text::heaps(&snapshot, page).unwrap());
        write("flags", &|page| text::flags(&snapshot, page).unwrap());
        write("checks", &|page| text::checks(&snapshot, page).unwrap());
        let values = tally.values();
        write("counters", &|page| text::counters(&values, page).unwrap());
    }

    /// Adds a program that uses KFD.
    pub fn add_program(&self, pid: u32, environment: &str) {
        self.put(&format!("/proc/{pid}/comm"), "python3\n");
        self.put(&format!("/proc/{pid}/environ"), environment);
        self.link(&format!("/proc/{pid}/fd/5"), "/dev/kfd");
        self.put(
            &format!("/sys/class/kfd/kfd/proc/{pid}/vram_12345"),
            "1073741824\n",
        );
    }

    /// Adds a program that uses KFD and maps these files of the root folder `root`.
    pub fn add_mapping_program(&self, pid: u32, root: &str, files: &[&str]) {
        self.add_program(pid, "HOME=/root\0");
        self.map(pid, files);
        fs::create_dir_all(self.path(root)).unwrap();
        self.link(&format!("/proc/{pid}/root"), root);
    }

    /// Writes a program's list of mappings.
    pub fn map(&self, pid: u32, files: &[&str]) {
        let mut maps = String::from("55d0c000-55d0d000 rw-p 00000000 00:00 0          [heap]\n");
        for file in files {
            for rights in ["r--p", "r-xp"] {
                maps += &format!("7f000000-7f001000 {rights} 00000000 fe:01 77          {file}\n");
            }
        }
        self.put(&format!("/proc/{pid}/maps"), maps);
    }

    /// Adds a wheel's PyTorch of that version, with rocBLAS, both with kernels for these ISAs.
    pub fn add_torch(&self, packages: &str, version: &str, targets: &[&str]) {
        let torch = format!("{packages}/torch");
        self.put(
            &format!("{torch}/version.py"),
            format!(
                "from typing import Optional\n\n__all__ = ['__version__', 'debug', 'cuda', 'hip']\n\
                 __version__ = '{version}'\ndebug = False\ncuda: Optional[str] = None\n\
                 hip: Optional[str] = '6.2.41134-65d174c3e'\n"
            ),
        );
        let bundle = code::compressed(&code::listed(targets), 3, &code::Method::Zstd);
        let fat = code::fat(&[&bundle, &bundle, &bundle]);
        self.put(&format!("{torch}/lib/libtorch_hip.so"), &fat);
        self.put(&format!("{torch}/lib/librocblas.so"), &fat);
        for plain in ["libamdhip64.so", "libhsa-runtime64.so", "libtorch_cpu.so"] {
            let plain = format!("{torch}/lib/{plain}");
            self.put(&plain, code::library(".text", b"code"));
        }
        self.add_kernels(&format!("{torch}/lib/rocblas/library"), targets);
    }

    pub fn add_kernels(&self, folder: &str, targets: &[&str]) {
        for target in targets {
            let flags = match *target {
                "gfx1010" => code::GFX1010,
                "gfx1030" => code::GFX1030,
                // gfx900
                _ => 0x02c,
            };
            self.put(
                &format!("{folder}/TensileLibrary_lazy_{target}.dat"),
                "an index",
            );
            let kernels =
                format!("{folder}/TensileLibrary_Type_HH_Contraction_fallback_{target}.hsaco");
            self.put(&kernels, code::object(flags));
        }
        self.put(
            &format!("{folder}/TensileLibrary_Type_HH_Contraction_fallback.dat"),
            "",
        );
    }

    /// The command for this machine, 80 columns wide.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdna1ctl"));
        command
            .arg("--root")
            .arg(self.root())
            .args(arguments)
            .env("COLUMNS", "80")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the command, asserts the exit status, and returns its stdout.
    pub fn says(&self, arguments: &[&str], status: i32) -> String {
        let ran = assert_cmd::Command::from_std(self.command(arguments)).assert();
        let ran = ran.code(status);
        String::from_utf8(ran.get_output().stdout.clone()).unwrap()
    }

    /// Runs the command with `--json`, asserts the exit status, and returns the document.
    pub fn json(&self, command: &str, status: i32) -> serde_json::Value {
        serde_json::from_str(&self.says(&[command, "--json"], status)).unwrap()
    }

    /// The findings of `doctor` without the good ones: name, state and full text.
    pub fn findings(&self) -> Vec<(String, String, String)> {
        let output = self.run(&["doctor", "--json"]);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let findings = document["findings"].as_array().unwrap().clone();
        let troubled = findings.iter().any(|finding| finding["state"] == "trouble");
        assert_eq!(output.status.code(), Some(i32::from(troubled)));
        let findings = findings
            .into_iter()
            .filter(|finding| finding["state"] != "good");
        let findings = findings.map(|finding| {
            let word = |key: &str| finding[key].as_str().unwrap().to_owned();
            (word("id"), word("state"), finding.to_string())
        });
        findings.collect()
    }

    /// The same findings without that on amdgpu's package, which no fake system has.
    pub fn findings_but_package(&self) -> Vec<(String, String, String)> {
        let mut found = self.findings();
        found.retain(|(id, ..)| id != "amdgpu-package");
        found
    }
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
