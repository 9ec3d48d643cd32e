// SPDX-License-Identifier: GPL-2.0

//! Tests `rdna1ctl doctor`, `check` and `run` with a program that maps the libraries of a fake
//! PyTorch. rdna1ctl must read from the program's own files whether they have code for the card.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use modproof_guest::Ctx;

use super::doctor::{load, NO_PACKAGE};
use crate::ask::{Asker, Last};
use crate::ctl::{self, doctor};
use crate::gpu_code::{library, object, GFX1010, GFX1030};

/// The folder of the libraries, as the program sees it.
const LIB: &str = "/venv/lib/python3.13/site-packages/torch/lib";

/// The libraries that it maps.
const MAPPED: [&str; 2] = ["librocblas.so.4", "libtorch_hip.so"];

/// Makes a fake PyTorch below `root`: its code is for `flags`, its file names are for `target`.
fn make_torch(root: &str, target: &str, flags: u32) -> Result<()> {
    let lib = format!("{root}{LIB}");
    let kernels = format!("{lib}/rocblas/library");
    let _ = fs::remove_dir_all(&kernels);
    put(
        &format!("{lib}/../version.py"),
        b"__version__ = '2.6.0+rocm6.2.4'\n",
    )?;
    for name in MAPPED {
        put(&format!("{lib}/{name}"), &library(target, flags))?;
    }
    put(
        &format!("{kernels}/TensileLibrary_lazy_{target}.dat"),
        b"an index",
    )?;
    put(
        &format!("{kernels}/Kernels.so-000-{target}.hsaco"),
        &object(flags),
    )
}

fn put(path: &str, bytes: &[u8]) -> Result<()> {
    let folder = Path::new(path).parent().context("no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("write {path}"))
}

fn map(asker: &mut Asker) -> Result<()> {
    MAPPED
        .iter()
        .try_for_each(|name| asker.map(&format!("{LIB}/{name}")))
}

/// A program in its own mount namespace, like a container, maps libraries for a gfx1030.
pub fn of_a_program(ctx: &mut Ctx) -> Result<()> {
    load(ctx, "")?;
    let mut command = Command::new("/proc/self/exe");
    let mut asker = Asker::start_by(command.env_clear())?;
    asker.rename("a program")?;
    asker.unshare_mounts("/venv")?;
    let root = format!("/proc/{}/root", asker.id());
    make_torch(&root, "gfx1030", GFX1030)?;
    ensure!(!Path::new(LIB).exists(), "{LIB} is there for all");
    map(&mut asker)?;
    let whose = format!(
        "process {} (a program) uses ROCm 6.2.4 from {LIB}",
        asker.id()
    );
    let lacks = |words: &[&str]| -> Result<()> {
        let found = doctor()?;
        found.expect_all("trouble", &["program-without-gfx1010"])?;
        found.expect_all("unseen", &[NO_PACKAGE])?;
        found.expect_words("program-without-gfx1010", words)
    };
    lacks(&[
        &whose,
        "has no code for gfx1010, only for other ISAs such as gfx1030",
        &format!("{LIB}/rocblas/library: no file named gfx1010; others are for gfx1030"),
        &format!("{LIB}/libtorch_hip.so: code for gfx1030"),
        "HSA_OVERRIDE_GFX_VERSION=10.3.0",
    ])?;
    // A link with the right name does not make the code fit.
    let index = "TensileLibrary_lazy_gfx1010.dat";
    let kernels = format!("{root}{LIB}/rocblas/library");
    std::os::unix::fs::symlink(
        "TensileLibrary_lazy_gfx1030.dat",
        format!("{kernels}/{index}"),
    )
    .context("link")?;
    lacks(&[
        &whose,
        &format!("{index} is a link to TensileLibrary_lazy_gfx1030.dat"),
    ])?;
    make_torch(&root, "gfx1010", GFX1030)?;
    lacks(&[&whose, "Kernels.so-000-gfx1010.hsaco is code for gfx1030"])?;
    // Code for the card's ISA does.
    make_torch(&root, "gfx1010", GFX1010)?;
    let found = doctor()?;
    found.expect_all("trouble", &[])?;
    found.expect_good(&["program-libraries"])?;
    found.expect_words("program-libraries", &[&whose, "which has code for gfx1010"])?;
    asker.end()
}

/// `check` before a program starts, and `run` while it runs.
pub fn before_and_in_run(ctx: &mut Ctx) -> Result<()> {
    load(ctx, "")?;
    make_torch("", "gfx1010", GFX1010)?;
    ctl::says(&["check", "/venv"], 0)?;
    make_torch("", "gfx1030", GFX1030)?;
    let said = ctl::says(&["check", "/venv"], 1)?;
    ensure!(
        said.contains("(ROCm 6.2.4)"),
        "check: expected a version\n{said}"
    );
    let mut command = ctl::command(&["run", "--", "/init"])?;
    let mut asker = Asker::start_by(command.stderr(Stdio::piped()))?;
    map(&mut asker)?;
    // rdna1ctl looks every second.
    thread::sleep(Duration::from_millis(2500));
    let (ended, said) = asker.output(Last::End)?;
    fs::remove_dir_all("/venv").context("remove /venv")?;
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(
        ended.success()
            && words.contains(&format!("it uses ROCm 6.2.4 from {LIB}"))
            && words.contains("program-without-gfx1010"),
        "run: expected the libraries of its command, {ended}\n{said}"
    );
    Ok(())
}
