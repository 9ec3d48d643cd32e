// SPDX-License-Identifier: GPL-2.0

//! Loads and unloads the module under test, and reads its files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use modproof_guest::files;
use modproof_guest::modules::{self, Modules};
use modproof_guest::mounts::DEBUGFS;

use crate::counters::Counters;
use crate::report::Report;

/// The module's name.
pub const NAME: &str = "rdna1_kfd_guard";
/// The `DEVPATH` of the module's uevents.
pub const DEVPATH: &str = "/module/rdna1_kfd_guard";
/// The record files; `counters` has another form.
pub const RECORD_FILES: [&str; 4] = ["gpus", "heaps", "flags", "checks"];
/// All of the module's files.
pub const FILES: [&str; 5] = ["gpus", "heaps", "flags", "checks", "counters"];

/// The folder of the module's files.
pub fn dir() -> PathBuf {
    Path::new(DEBUGFS).join("rdna1")
}

/// The path of one of the module's files.
pub fn path(file: &str) -> PathBuf {
    dir().join(file)
}

/// Loads the module.
pub fn load(modules: &Modules) -> Result<()> {
    modules.load_own(NAME, "")
}

/// Unloads the module and checks that the kernel keeps nothing of it.
pub fn unload() -> Result<()> {
    modules::remove(NAME)?;
    expect_gone()
}

/// Demands that debugfs, the PCI bus and the module list no longer show the module.
pub fn expect_gone() -> Result<()> {
    ensure!(
        !dir().exists(),
        "{} is still there after the unload",
        dir().display()
    );
    let driver = Path::new("/sys/bus/pci/drivers").join(NAME);
    ensure!(
        !driver.exists(),
        "{} is still there after the unload",
        driver.display()
    );
    modules::expect_gone(NAME)
}

/// Reads the text of one of the module's files.
pub fn text(file: &str) -> Result<String> {
    files::text(&path(file))
}

/// Reads the texts of all record files.
pub fn texts() -> Result<Vec<String>> {
    RECORD_FILES.into_iter().map(text).collect()
}

/// Reads and parses a record file.
pub fn read(file: &str) -> Result<Report> {
    Report::parse(file, &text(file)?)
}

/// Reads and parses the module's counters.
pub fn counters() -> Result<Counters> {
    Counters::parse(&text("counters")?)
}

/// Demands that every record file has only its header, and that the counters still count.
pub fn expect_header_only() -> Result<()> {
    for file in RECORD_FILES {
        read(file)?.expect_count(0)?;
    }
    let before = counters()?;
    let after = counters()?;
    before.expect_none_fell(&after)?;
    before.expect_rise(&after, &["reads"], 1)
}

/// Demands exactly the files of version 1, readable for root only.
pub fn expect_files() -> Result<()> {
    let mut expected = FILES;
    expected.sort_unstable();
    let mut seen = Vec::new();
    for entry in fs::read_dir(dir()).with_context(|| format!("list {}", dir().display()))? {
        let entry = entry.context("list the module's files")?;
        let mode = entry
            .metadata()
            .context("look at a file's mode")?
            .permissions()
            .mode();
        let name = entry.file_name().to_string_lossy().into_owned();
        ensure!(
            mode & 0o777 == 0o400,
            "{name}: expected mode 0400, seen {:04o}",
            mode & 0o777
        );
        seen.push(name);
    }
    seen.sort_unstable();
    ensure!(
        seen == expected,
        "expected the files {expected:?}, seen {seen:?}"
    );
    Ok(())
}
