// SPDX-License-Identifier: GPL-2.0

//! `report`: one archive for a bug report.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write;

use anyhow::{Context, Result};
use rdna1_kfd_guard::facts::map::Maps;
use rdna1_kfd_guard::facts::pci::{Address, PciBus as _};
use rdna1_kfd_guard::host::{Host, LivePci};

use crate::cli::Report;
use crate::documents::{self, DoctorDocument, StatusDocument, FORM};
use crate::findings;
use crate::root::Root;
use crate::sources::log::Line;
use crate::sources::Facts;
use crate::words::safe;

use super::archive::{Archive, FOLDER};
use super::{print, WELL};

/// KFD's topology.
const TOPOLOGY: &str = "/sys/class/kfd/kfd/topology";

/// How deep KFD's folders are: `nodes/1/mem_banks/0/properties`.
const DEPTH: u32 = 5;

pub(super) fn report(root: &Root, how: &Report) -> Result<u8> {
    let facts = Facts::read(root)?;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&how.file)
        .with_context(|| format!("cannot make {}: name another file", how.file.display()))?;
    let mut archive = Archive::new(std::io::BufWriter::new(file));
    fill(&mut archive, root, &facts, how.private)
        .with_context(|| format!("cannot write {}", how.file.display()))?;
    let names = archive.names().len();
    archive.end()?;
    let name = how.file.display();
    print(&format!(
        "{name}: {names} files\n{}\nIt can be judged elsewhere: tar xzf {name}; \
         classify --pci {FOLDER}/pci {FOLDER}\n",
        if how.private {
            "PRIVATE DATA IS IN IT, as --private asked: look at it before you give it away."
        } else {
            "Left out: serial numbers, names and ids of programs, their variables, the rest of the \
             kernel log and command line."
        }
    ))?;
    Ok(WELL)
}

fn fill<W: Write>(
    archive: &mut Archive<W>,
    root: &Root,
    facts: &Facts,
    private: bool,
) -> Result<()> {
    let hide = Hide { private };
    archive.add("about.txt", about(facts, &hide).as_bytes())?;
    for (name, text) in &facts.pages.texts {
        let text = match *name {
            "requests" => hide.requests(text),
            _ => text.clone(),
        };
        archive.add(&format!("files/{name}"), text.as_bytes())?;
    }
    if let Some(pci) = pci(root)? {
        archive.add("pci", pci.as_bytes())?;
    }
    topology(archive, root, "", DEPTH, &hide)?;
    archive.add("kernel-log.txt", log(facts, private).as_bytes())?;
    let mut status = StatusDocument::of(facts);
    let mut findings = findings::all(facts);
    if !private {
        for program in &mut status.programs {
            program.pid = 0;
            program.command = "left-out".to_owned();
        }
        hide.findings(&mut findings);
    }
    archive.add("status.json", documents::json(&status)?.as_bytes())?;
    let doctor = DoctorDocument {
        form: FORM,
        origin: facts.pages.origin.clone(),
        findings,
    };
    archive.add("doctor.json", documents::json(&doctor)?.as_bytes())
}

/// What is private, and what stands in its place.
struct Hide {
    private: bool,
}

/// Parameters of the kernel's command line that matter here.
const PARAMETERS: [&str; 12] = [
    "amdgpu.",
    "amd_iommu",
    "debugfs",
    "ftrace",
    "intel_iommu",
    "iommu",
    "lockdown",
    "modprobe.",
    "module.",
    "module_",
    "nomodeset",
    "pci",
];

impl Hide {
    /// A card's `unique_id` is its serial number.
    fn properties(&self, text: &str) -> String {
        let lines = text.lines().map(|line| match line.split_once(' ') {
            Some(("unique_id", _)) if !self.private => "unique_id 0\n".to_owned(),
            _ => format!("{line}\n"),
        });
        lines.collect()
    }

    /// Programs' names and ids, in requests.
    fn requests(&self, text: &str) -> String {
        if self.private {
            return text.to_owned();
        }
        let lines = text.lines().map(|line| {
            let words = line.split(' ').map(|word| match word.split_once('=') {
                Some((key @ ("pid" | "tid" | "command"), _)) => format!("{key}=?"),
                _ => word.to_owned(),
            });
            words.collect::<Vec<_>>().join(" ") + "\n"
        });
        lines.collect()
    }

    fn command_line(&self, words: &[String]) -> String {
        let shown = words
            .iter()
            .filter(|word| self.private || PARAMETERS.iter().any(|start| word.starts_with(start)));
        shown.cloned().collect::<Vec<_>>().join(" ")
    }

    /// Whose environment it was, and the paths in it.
    fn findings(&self, findings: &mut [findings::Finding]) {
        for finding in findings {
            let in_environment =
                |from: &str| from.starts_with("/proc/") && from.ends_with("/environ");
            if let Some((_, rest)) = finding.says.split_once(") ") {
                if finding.says.starts_with("process ") {
                    finding.says = format!("a program {rest}");
                }
            }
            for evidence in &mut finding.evidence {
                if in_environment(&evidence.from) {
                    evidence.from = "/proc/PID/environ".to_owned();
                    let kept =
                        evidence.what.starts_with("HSA_") || evidence.what.starts_with("MIOPEN_");
                    if !kept {
                        evidence.what = "left out".to_owned();
                    }
                }
            }
        }
    }
}

fn about(facts: &Facts, hide: &Hide) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}: {}", safe(value));
    };
    line("rdna1ctl", env!("CARGO_PKG_VERSION"));
    line("kernel", &facts.kernel.release);
    line(
        "kernel command line",
        &hide.command_line(&facts.kernel.command_line),
    );
    line("lockdown", facts.kernel.lockdown.as_deref().unwrap_or("?"));
    line(
        "module loaded",
        if facts.module.loaded { "yes" } else { "no" },
    );
    for (release, file) in &facts.module.installed {
        line("module installed", &format!("{release} {file}"));
    }
    line(
        "read as",
        if facts.is_root {
            "root"
        } else {
            "another user than root"
        },
    );
    line("amdgpu", facts.amdgpu.file.as_deref().unwrap_or("?"));
    for checked in &facts.amdgpu.packages {
        let changed = checked.changed.len();
        line(
            "package",
            &format!("{}: {changed} files differ", checked.package),
        );
    }
    for install in &facts.rocm.installs {
        let yes = |has: Option<bool>| match has {
            Some(true) => "yes",
            Some(false) => "no",
            None => "?",
        };
        line(
            "ROCm",
            &format!(
                "{} version {}, rocBLAS for gfx1010 {}, MIOpen for gfx1010 {}",
                install.place,
                install.version.as_deref().unwrap_or("?"),
                yes(install.rocblas),
                yes(install.miopen),
            ),
        );
    }
    for gpu in &facts.gpus {
        line("graphics card", &format!("{} {}", gpu.gpu, gpu.device));
    }
    text
}

/// The cards in the form that `classify --pci` reads.
fn pci(root: &Root) -> Result<Option<String>> {
    let Some(mut bus) = LivePci::open(root.folder()) else {
        return Ok(None);
    };
    let mut cards = <Host as Maps>::Map::<Address, _>::new();
    bus.cards::<Host>(&mut cards)
        .ok()
        .context("out of memory")?;
    let mut text = String::new();
    for function in cards.values() {
        writeln!(text, "domain_bus_device_function={}", function.address)?;
        writeln!(text, "vendor=0x{:04x}", function.id.vendor)?;
        writeln!(text, "device=0x{:04x}", function.id.device)?;
        if let Some(revision) = function.revision.known() {
            writeln!(text, "revision={revision:#x}")?;
        }
        if let Some(bytes) = function.bar0_bytes.known() {
            writeln!(text, "bar0_bytes={bytes}")?;
        }
    }
    Ok(Some(text))
}

/// Copies KFD's topology: plain files alone, as deep as KFD's folders go.
fn topology<W: Write>(
    archive: &mut Archive<W>,
    root: &Root,
    below: &str,
    depth: u32,
    hide: &Hide,
) -> Result<()> {
    for name in root.names(format!("{TOPOLOGY}{below}")) {
        let path = format!("{below}/{name}");
        let place = root.path(format!("{TOPOLOGY}{path}"));
        if place.is_dir() {
            if let Some(depth) = depth.checked_sub(1) {
                topology(archive, root, &path, depth, hide)?;
            }
        } else if let Ok(bytes) = root.bytes(format!("{TOPOLOGY}{path}")) {
            let text = hide.properties(&String::from_utf8_lossy(&bytes));
            archive.add(&format!("topology{path}"), text.as_bytes())?;
        }
    }
    Ok(())
}

fn log(facts: &Facts, private: bool) -> String {
    if let Some(why) = &facts.log.unreadable {
        return format!("could not be read: {why}\n");
    }
    let wanted = |line: &&Line| private || line.is_about_the_card();
    let lines = facts.log.lines.iter().filter(wanted);
    let lines = lines.map(|line| {
        let (seconds, rest) = (line.microseconds / 1_000_000, line.microseconds % 1_000_000);
        format!("[{seconds:5}.{rest:06}] {}\n", safe(&line.text))
    });
    lines.collect()
}
