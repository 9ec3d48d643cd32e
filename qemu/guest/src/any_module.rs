// SPDX-License-Identifier: GPL-2.0

//! The generic suite `any-module`: tests that every module must pass. The host describes the
//! module (its name, parameters, files and log lines).

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use modproof_formats::module_name;
use modproof_wait::modules::{self, is_loaded, Image, Modules};

use crate::case::Case;
use crate::ctx::Ctx;
use crate::fail_nth;
use crate::memory::level_over;
use crate::wanted::Wanted;

/// The suite.
pub const CASES: &[Case] = &[
    Case::new("load-read-unload", load_read_unload),
    Case::new("unload-while-open", unload_while_open),
    Case::new("over-and-over", over_and_over),
    Case::new("every-allocation-of-the-load-fails", every_allocation_fails),
];

/// The rounds that warm up caches.
const WARM: u64 = 20;
/// Enough to tell a loss of one object a round from the kernel's own ups and downs.
const ROUNDS: usize = 200;

/// The module. Dropping it unloads it, however the case ends.
struct Loaded<'a> {
    wanted: &'a Wanted,
    name: String,
    /// Whether each of its files existed before the load.
    before: Vec<bool>,
}

impl<'a> Loaded<'a> {
    /// The module before the load.
    fn before(wanted: &'a Wanted) -> Self {
        Self {
            wanted,
            name: module_name(&wanted.name),
            before: wanted.reads.iter().map(|file| file.exists()).collect(),
        }
    }

    fn load(modules: &Modules, wanted: &'a Wanted) -> Result<Self> {
        let loaded = Self::before(wanted);
        let name = &loaded.name;
        ensure!(!is_loaded(name), "{name} was there before it was loaded");
        modules.load_own(&wanted.name, &wanted.parameters)?;
        ensure!(
            is_loaded(&loaded.name),
            "/sys/module/{} is not there after the load: is {:?} the module's name?",
            loaded.name,
            wanted.name
        );
        Ok(loaded)
    }

    /// The files in its description, and its refcount and readable parameters in sysfs.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let folder = Path::new("/sys/module").join(&self.name);
        let mut files: Vec<_> = self.wanted.reads.iter().map(|f| f.path.clone()).collect();
        files.push(folder.join("refcnt"));
        let parameters = folder.join("parameters");
        if parameters.exists() {
            for entry in fs::read_dir(&parameters).context("list the parameters")? {
                let path = entry?.path();
                let may_be_read = fs::metadata(&path)?.permissions().mode() & 0o400 != 0;
                files.extend(may_be_read.then_some(path));
            }
        }
        Ok(files)
    }

    /// Fails if the module has references: the kernel would refuse the unload.
    fn expect_free(&self) -> Result<()> {
        let held = modules::refcount(&self.name)?;
        ensure!(held == 0, "refcount: expected 0, seen {held}");
        Ok(())
    }

    fn unload(self) -> Result<()> {
        modules::remove(&self.name)?;
        self.expect_gone()
    }

    /// Fails unless the module and its files are gone.
    fn expect_gone(&self) -> Result<()> {
        modules::expect_gone(&self.name)?;
        for (file, before) in self.wanted.reads.iter().zip(&self.before) {
            ensure!(
                *before || !file.exists(),
                "{} came with the module and is still there after the unload",
                file.path.display()
            );
        }
        Ok(())
    }
}

impl Drop for Loaded<'_> {
    fn drop(&mut self) {
        if is_loaded(&self.name) {
            // The case has failed already and reports that reason: ignore this error.
            let _ = modules::remove(&self.name);
        }
    }
}

/// Loads the module, checks the text of its files, unloads it, and checks its log lines.
fn load_read_unload(ctx: &mut Ctx) -> Result<()> {
    let wanted = Wanted::read()?;
    let mut log = ctx.log_from_now()?;
    let loaded = Loaded::load(&ctx.modules, &wanted)?;
    loaded.expect_free()?;
    for file in &wanted.reads {
        let size = file.expect()?;
        ctx.note(format!("{}: {size} bytes", file.path.display()));
    }
    loaded.expect_free().context("after its files were read")?;
    loaded.unload()?;
    wanted.expect_log(&log.new_lines()?)
}

/// While a process has the module's files open, the kernel must refuse the unload, or the
/// unload must be clean.
fn unload_while_open(ctx: &mut Ctx) -> Result<()> {
    let wanted = Wanted::read()?;
    let loaded = Loaded::load(&ctx.modules, &wanted)?;
    let mut byte = [0];
    let mut files = Vec::new();
    for path in loaded.files()? {
        let mut open = || -> std::io::Result<File> {
            let mut file = File::open(&path)?;
            // The read runs the module's own code.
            let _ = file.read(&mut byte)?;
            Ok(file)
        };
        files.push(open().with_context(|| format!("read a byte of {}", path.display()))?);
    }
    if modules::remove_unless_held(&loaded.name)? {
        ctx.note(format!("unloaded with {} files open", files.len()));
        for file in &mut files {
            // The read may give text or an error. The kernel must survive it and the close.
            let _ = file.read(&mut byte);
        }
        drop(files);
        return loaded.expect_gone();
    }
    ctx.note(format!(
        "cannot be unloaded with {} files open",
        files.len()
    ));
    drop(files);
    loaded
        .expect_free()
        .context("after its files were closed")?;
    loaded.unload()
}

/// Many rounds of load, read and unload must not leak memory.
fn over_and_over(ctx: &mut Ctx) -> Result<()> {
    let wanted = Wanted::read()?;
    let rounds = ctx.share_of(ROUNDS);
    let compared = level_over(WARM, rounds as u64, || {
        let loaded = Loaded::load(&ctx.modules, &wanted)?;
        wanted
            .reads
            .iter()
            .try_for_each(|file| file.expect().map(drop))?;
        loaded.unload()
    })?;
    ctx.note(format!("{rounds} rounds: {compared}"));
    Ok(())
}

/// Fails each allocation of the load once, by fault injection. Either the kernel refuses the
/// load and nothing is left of the module, or the module works without that memory.
fn every_allocation_fails(ctx: &mut Ctx) -> Result<()> {
    fail_nth::prepare()?;
    let wanted = Wanted::read()?;
    let parameters = CString::new(&*wanted.parameters).context("the module's parameters")?;
    // The first load must not be part of the sweep. It also loads the dependencies.
    Loaded::load(&ctx.modules, &wanted)?.unload()?;
    // Load from memory: if the kernel fails to read a file, it logs a stack trace.
    let module = Image::own(&wanted.name)?;
    let loaded = Loaded::before(&wanted);
    let mut errors = BTreeSet::new();
    let (failed, tries) = fail_nth::sweep(
        || module.load(&parameters),
        |result| {
            if result.is_ok() {
                modules::remove(&loaded.name)?;
            }
            loaded.expect_gone()?;
            let refused = result.is_err();
            errors.extend(result.err().map(|error| format!("{error:#}")));
            Ok(refused)
        },
    )?;
    let errors = Vec::from_iter(errors).join("; ");
    ctx.note(format!("{tries} loads, {failed} of them refused: {errors}"));
    Ok(())
}

/// Loads the described module for the prompt, if there is a description.
pub fn load_for_shell(ctx: &Ctx) -> Result<()> {
    if !Wanted::path().exists() {
        return Ok(());
    }
    let wanted = Wanted::read()?;
    ctx.modules.load_own(&wanted.name, &wanted.parameters)
}
