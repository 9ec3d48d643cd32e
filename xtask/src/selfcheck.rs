// SPDX-License-Identifier: GPL-2.0

//! The group `harness` of `make test`: tests modproof itself with guests, after installing it
//! outside of this checkout as a user does.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{ensure, Context as _, Result};

use modproof::interrupt::RemoveOnInterrupt;
use modproof::judge::text_of;
use modproof::kernels::Kernel;
use modproof::prune::{WORK, WORK_LOCK};
use modproof::run::{self, Log};
use modproof::tally::Outcome;
use modproof::Context;

use crate::repo;

/// The group's name and description.
pub const GROUP: (&str, &str) = (
    "harness",
    "bad saved guests, interrupts, two runs at once, bad modules, and the prompt",
);

/// The input for the prompt; its output must have the two lines of [`EXPECTED`].
const TYPED: &str = "head -n 1 /sys/kernel/debug/rdna1/heaps; echo $((20 + 22)) cards\n";
const EXPECTED: [&str; 2] = ["# rdna1 heaps v1", "42 cards"];

/// Tests modproof on the first kernel, or on the one that the user names.
pub fn check(context: &Context) -> Result<Outcome> {
    let kernel = context.kernel()?;
    if !kernel.is_stock() {
        let why = format!(
            "{} has no stock modules: no guest of it is saved",
            kernel.name
        );
        return Ok(Outcome::skipped(why));
    }
    // Hold the lock: `make prune` removes work folders that no run has locked.
    let _lock = context.cache.exclusive(&context.ui, WORK_LOCK)?;
    let log = context.run_folder()?.join("host/harness.log");
    let promises = check_promises(context, kernel, &Log::create(log.clone())?);
    let mut outcome = Outcome::of(promises).named("what it promises");
    outcome.add(Outcome::of(check_prompt(context, kernel)).named("the prompt in a guest"));
    outcome.log = Some(log);
    Ok(outcome)
}

fn check_promises(context: &Context, kernel: &Kernel, log: &Log) -> Result<String> {
    // The script links to the provisioned kernel from its own cache: it must exist, unlocked.
    drop(context.provision(kernel)?);
    let activity = context.ui.begin("harness: what it promises");
    let cache = context.cache.root();
    let modproof = install(context, log)?;
    let work = tempfile::Builder::new().prefix(WORK).tempdir_in(cache);
    let work = work.with_context(|| format!("cannot make a folder in {}", cache.display()))?;
    let _half_done = RemoveOnInterrupt::new(work.path());
    let mut command = run::killed_with_parent(repo(context)?.join("qemu/check.sh"));
    let root = context.kernels().root_of(kernel)?;
    let more = format!("[root.{}]\npackages = {:?}", root.name, root.packages);
    command.env("MORE", more).arg(modproof).arg(cache);
    command.arg(&kernel.name).arg(work.path());
    run::logged(&mut command, log, Some(&activity))?;
    activity.done("");
    Ok(String::new())
}

/// Installs modproof in the cache, as a user does.
fn install(context: &Context, log: &Log) -> Result<PathBuf> {
    let root = context.cargo.target().join("installed");
    let mut command = context.cargo.command();
    command
        .args(["install", "--locked", "--quiet", "--path", "qemu", "--root"])
        .arg(&root)
        // RUSTFLAGS would override qemu/.cargo/config.toml, which a user's build reads.
        .env_remove("RUSTFLAGS");
    run::logged(&mut command, log, None).context("cargo install --path qemu")?;
    Ok(root.join("bin/modproof"))
}

/// Runs `make shell`'s command without a terminal; the end of the input ends the guest.
fn check_prompt(context: &Context, kernel: &Kernel) -> Result<String> {
    let activity = context.ui.begin("harness: the prompt in a guest");
    let program = std::env::current_exe().context("our own program is gone")?;
    let mut child = run::killed_with_parent(program)
        .arg("--project")
        .arg(&context.project.file)
        .arg("--cache")
        .arg(context.cache.root())
        .args(["--kernel", &kernel.name, "shell", "--timeout", "300"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start ourselves")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(TYPED.as_bytes()).context("cannot type")?;
    }
    let out = child.wait_with_output().context("waiting for the prompt")?;
    let (said, complaint) = (text_of(&out.stdout), text_of(&out.stderr));
    ensure!(out.status.success(), "make shell fails:\n{said}{complaint}");
    for line in EXPECTED {
        ensure!(
            said.lines().any(|l| l == line),
            "expected the line {line:?} at the prompt, seen:\n{said}"
        );
    }
    activity.done("");
    Ok(String::new())
}
