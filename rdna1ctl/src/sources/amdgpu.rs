// SPDX-License-Identifier: GPL-2.0

//! The driver amdgpu: its origin, and the comparison of its files with their package.

use crate::root::Root;

use super::module::is_module;
use super::packages::{self, Checked};

/// The folder in which DKMS keeps AMD's package.
pub const DKMS: &str = "/var/lib/dkms/amdgpu";

/// A trace of the known patch, which makes KFD claim what the card does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The file, with the line number.
    pub file: String,
    /// The text in that line.
    pub what: String,
}

/// A version of AMD's package amdgpu-dkms, as DKMS has it.
pub struct Dkms {
    /// Its version, as DKMS and the names of folders spell it.
    pub version: String,
    /// Whether it is built for the running kernel.
    pub is_built: bool,
    /// The source file that the known patch changes, if it exists.
    pub patched_file: Option<String>,
}

/// The driver.
pub struct Amdgpu {
    /// Whether it is loaded.
    pub loaded: bool,
    /// Whether the loaded driver was built outside of the kernel's tree.
    pub out_of_tree: bool,
    /// The file that modprobe would load, below `/lib/modules/RELEASE`.
    pub file: Option<String>,
    /// AMD's package, in the versions that DKMS knows.
    pub dkms: Vec<Dkms>,
    /// The comparison with its packages; empty until [`Amdgpu::inspect`].
    pub packages: Vec<Checked>,
    /// Traces of the patch in sources and in the loaded driver; empty until [`Amdgpu::inspect`].
    pub traces: Vec<Trace>,
    /// The missing firmware files of a Navi10; `None` if there is no firmware for amdgpu at all.
    pub missing_firmware: Option<Vec<String>>,
}

/// The required firmware files of a Navi10 (`MODULE_FIRMWARE` lines of `gfx_v10_0.c`,
/// `psp_v11_0.c`, `sdma_v5_0.c`, `smu_v11_0.c` and `amdgpu_vcn.c`, `drivers/gpu/drm/amd`).
const FIRMWARE: [&str; 12] = [
    "asd", "ce", "me", "mec", "mec2", "pfp", "rlc", "sdma", "sdma1", "smc", "sos", "vcn",
];

impl Amdgpu {
    /// Reads everything except the comparison with packages.
    pub fn read(root: &Root, release: &str) -> Self {
        let taint = root.text("/sys/module/amdgpu/taint").unwrap_or_default();
        let list = root.text(format!("/lib/modules/{release}/modules.dep"));
        let file = list.unwrap_or_default().lines().find_map(|line| {
            let path = line.split(':').next()?;
            is_module(path, "amdgpu.ko").then(|| path.to_owned())
        });
        Self {
            loaded: root.has("/sys/module/amdgpu"),
            out_of_tree: taint.contains('O'),
            dkms: dkms(root, release),
            packages: Vec::new(),
            traces: Vec::new(),
            missing_firmware: missing_firmware(root),
            file,
        }
    }

    /// Compares the driver with its packages. This reads all of their files, which takes seconds.
    pub fn inspect(&mut self, root: &Root, release: &str) {
        self.packages = checked(root, release, self.file.as_deref());
        self.traces = traces(root);
    }

    /// Whether modprobe would load AMD's package, built by DKMS.
    pub fn is_dkms(&self) -> bool {
        let file = self.file.as_deref().unwrap_or_default();
        file.starts_with("updates/") || file.starts_with("extra/") || file.contains("dkms")
    }
}

/// DKMS keeps its builds in `VERSION/KERNEL/ARCHITECTURE/module` [dkms(8)].
fn dkms(root: &Root, release: &str) -> Vec<Dkms> {
    let names = root.names(DKMS).into_iter();
    let versions = names.filter(|name| name.starts_with(|c: char| c.is_ascii_digit()));
    let found = versions.map(|version| {
        let built = format!("{DKMS}/{version}/{release}");
        let patched = format!("{}/kfd_crat.c", amdkfd(&format!("amdgpu-{version}")));
        Dkms {
            is_built: root
                .names(&built)
                .iter()
                .any(|architecture| root.has(format!("{built}/{architecture}/module"))),
            patched_file: root.has(&patched).then_some(patched),
            version,
        }
    });
    found.collect()
}

/// The folder of KFD's source in AMD's package.
fn amdkfd(source: &str) -> String {
    format!("/usr/src/{source}/amd/amdkfd")
}

/// Compares the package of AMD's sources, and the package that contains the driver's file.
fn checked(root: &Root, release: &str, file: Option<&str>) -> Vec<Checked> {
    let mut checked: Vec<_> = packages::check(root, "amdgpu-dkms", |_| true)
        .into_iter()
        .collect();
    let Some(file) = file else { return checked };
    let end = format!("lib/modules/{release}/{file}");
    let of_kernel = packages::named(root, "linux-")
        .into_iter()
        .filter(|name| name.contains(release));
    let found = of_kernel.filter_map(|name| packages::check(root, &name, |p| p.ends_with(&end)));
    checked.extend(found.filter(|one| one.files + one.changed.len() + one.unreadable != 0));
    checked
}

/// A word in the comment and in the message of the historic patch.
const WORD: &str = "RDNA1";

fn traces(root: &Root) -> Vec<Trace> {
    let mut traces = Vec::new();
    let sources = root.names("/usr/src").into_iter();
    for source in sources.filter(|name| name.starts_with("amdgpu-")) {
        let folder = amdkfd(&source);
        for name in root.names(&folder) {
            let file = format!("{folder}/{name}");
            if name.ends_with(".patched") {
                traces.push(Trace {
                    file,
                    what: "a copy that the patch's report recommends".to_owned(),
                });
            } else if name.ends_with(".c") || name.ends_with(".h") {
                let text = root.text(&file).unwrap_or_default();
                traces.extend(lines_with(WORD, &file, &text));
            }
        }
    }
    let control = "/sys/kernel/debug/dynamic_debug/control";
    let of_amdgpu = root.text(control).unwrap_or_default();
    let of_amdgpu = of_amdgpu.lines().filter(|line| line.contains("amdgpu"));
    let of_amdgpu = of_amdgpu.filter(|line| line.contains(WORD));
    traces.extend(of_amdgpu.map(|line| Trace {
        file: control.to_owned(),
        what: line.to_owned(),
    }));
    traces
}

fn lines_with(word: &str, file: &str, text: &str) -> Vec<Trace> {
    let numbered = (1..).zip(text.lines());
    let found = numbered.filter(|(_, line)| line.contains(word));
    let traces = found.map(|(number, line)| Trace {
        file: format!("{file}:{number}"),
        what: line.trim().to_owned(),
    });
    traces.collect()
}

fn missing_firmware(root: &Root) -> Option<Vec<String>> {
    let folders = [
        "/lib/firmware/updates/amdgpu",
        "/lib/firmware/amdgpu",
        "/usr/lib/firmware/amdgpu",
    ];
    if !folders.iter().any(|folder| root.has(folder)) {
        return None;
    }
    let is_there = |name: &str| {
        folders.iter().any(|folder| {
            ["", ".xz", ".zst"]
                .iter()
                .any(|packed| root.has(format!("{folder}/{name}{packed}")))
        })
    };
    let names = FIRMWARE.iter().map(|block| format!("navi10_{block}.bin"));
    Some(names.filter(|name| !is_there(name)).collect())
}
