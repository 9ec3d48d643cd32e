// SPDX-License-Identifier: GPL-2.0

//! `report`: writes one archive for a bug report.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{bail, Context, Result};
use rdna1_kfd_guard::facts::pci::{Driver, PciBus as _};
use rdna1_kfd_guard::host::LivePci;
use tempfile::NamedTempFile;

use crate::cli::Report;
use crate::documents::{self, DoctorDocument, StatusDocument, FORM};
use crate::findings;
use crate::root::Root;
use crate::sources::log::stamp;
use crate::sources::rocblas::Kernels;
use crate::sources::Facts;
use crate::words::safe;

use super::archive::{Archive, FOLDER};
use super::hide::{hide, serial_number};
use super::{folder_of, print, WELL};

const TOPOLOGY: &str = "/sys/class/kfd/kfd/topology";

/// The depth of KFD's folders: `nodes/1/mem_banks/0/properties`.
const DEPTH: u32 = 5;

pub(super) fn report(root: &Root, how: &Report) -> Result<u8> {
    let mut facts = Facts::read_closely(root)?;
    if !how.private {
        hide(&mut facts)?;
    }
    let names =
        write(root, &facts, how).with_context(|| format!("cannot write {}", how.file.display()))?;
    let name = how.file.display();
    print(&format!(
        "{name}: {names} files\n{}\nTo judge it on another machine: tar xzf {name}; \
         classify --pci {FOLDER}/pci {FOLDER}\n",
        if how.private {
            "IT CONTAINS PRIVATE DATA, because of --private: look at it before you send it."
        } else {
            "Left out: serial numbers, names and ids of programs, their variables, the folders of their \
             libraries, names of users, the rest of the kernel log and command line."
        }
    ))?;
    Ok(WELL)
}

/// Writes the archive in one step; returns the number of files in it.
fn write(root: &Root, facts: &Facts, how: &Report) -> Result<usize> {
    if how.file.exists() {
        bail!("the file exists already: name another file");
    }
    let file = NamedTempFile::new_in(folder_of(&how.file))?;
    let mut archive = Archive::new(BufWriter::new(file.as_file()));
    fill(&mut archive, root, facts, how.private)?;
    let names = archive.names().len();
    archive.end()?;
    // Root writes the archive, and another user sends it.
    let mode = if how.private { 0o600 } else { 0o644 };
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    file.persist_noclobber(&how.file)?;
    Ok(names)
}

fn fill<W: Write>(
    archive: &mut Archive<W>,
    root: &Root,
    facts: &Facts,
    private: bool,
) -> Result<()> {
    archive.add("about.txt", about(facts).as_bytes())?;
    for (name, text) in &facts.pages.texts {
        archive.add(&format!("files/{name}"), text.as_bytes())?;
    }
    if let Some(pci) = pci(root)? {
        archive.add("pci", pci.as_bytes())?;
    }
    topology(archive, root, "", DEPTH, private)?;
    archive.add("kernel-log.txt", log(facts).as_bytes())?;
    let status = StatusDocument::of(facts);
    let findings = findings::all(facts);
    archive.add("status.json", documents::json(&status)?.as_bytes())?;
    let doctor = DoctorDocument {
        form: FORM,
        origin: facts.pages.origin.clone(),
        findings,
    };
    archive.add("doctor.json", documents::json(&doctor)?.as_bytes())
}

fn about(facts: &Facts) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}: {}", safe(value));
    };
    line("rdna1ctl", env!("CARGO_PKG_VERSION"));
    line("kernel", &facts.kernel.release);
    line("kernel command line", &facts.kernel.command_line.join(" "));
    line("place", &findings::place::says(&facts.place));
    for one in &facts.parameters {
        line(
            "parameter of amdgpu",
            &format!("{}={} ({})", one.name, one.value, one.from),
        );
    }
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
                yes(install.rocblas.as_ref().and_then(Kernels::fits)),
                yes(install.miopen),
            ),
        );
    }
    for gpu in &facts.gpus {
        line("graphics card", &format!("{} {}", gpu.gpu, gpu.device));
    }
    text
}

/// The cards, in the form that `classify --pci` reads.
fn pci(root: &Root) -> Result<Option<String>> {
    let Some(mut bus) = LivePci::open(root.folder()) else {
        return Ok(None);
    };
    let mut cards = BTreeMap::new();
    bus.cards(|function| {
        cards.insert(function.address, function);
        Ok(())
    })
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
        match &function.driver {
            Driver::None => writeln!(text, "driver=-")?,
            Driver::Named(name) => writeln!(text, "driver={}", name.as_str())?,
            Driver::NotSaid | Driver::Unreadable => {}
        }
        if let Some(bytes) = function.vram_total_bytes.known() {
            writeln!(text, "vram_total_bytes={bytes}")?;
        }
    }
    Ok(Some(text))
}

/// Copies KFD's topology: only regular files, down to `depth` folders.
fn topology<W: Write>(
    archive: &mut Archive<W>,
    root: &Root,
    below: &str,
    depth: u32,
    private: bool,
) -> Result<()> {
    for name in root.names(format!("{TOPOLOGY}{below}")) {
        let path = format!("{below}/{name}");
        let place = root.path(format!("{TOPOLOGY}{path}"));
        if place.is_dir() {
            if let Some(depth) = depth.checked_sub(1) {
                topology(archive, root, &path, depth, private)?;
            }
        } else if let Ok(bytes) = root.bytes(format!("{TOPOLOGY}{path}")) {
            let text = String::from_utf8_lossy(&bytes);
            let text = if private {
                text.into_owned()
            } else {
                serial_number(&text)
            };
            archive.add(&format!("topology{path}"), text.as_bytes())?;
        }
    }
    Ok(())
}

fn log(facts: &Facts) -> String {
    if let Some(why) = &facts.log.unreadable {
        return format!("could not be read: {why}\n");
    }
    let lines = facts.log.lines.iter();
    let lines = lines.map(|line| format!("[{:>12}] {}\n", stamp(line), safe(&line.text)));
    lines.collect()
}
