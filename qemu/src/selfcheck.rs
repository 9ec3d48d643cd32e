// SPDX-License-Identifier: GPL-2.0

//! Checks of the harness itself, with guests.

use std::io::Write;
use std::process::Stdio;

use anyhow::{ensure, Context as _, Result};

use crate::interrupt::HalfDone;
use crate::judge::text_of;
use crate::kernels::Kernel;
use crate::run::{self, Log};
use crate::tally::Outcome;
use crate::Context;

/// The group's name, and what it shows.
pub const GROUP: (&str, &str) = (
    "harness",
    "bad saved guests, interrupts, two runs at once, bad modules, and the prompt",
);

/// What is typed at the prompt, and what must come of it.
const TYPED: &str = "head -n 1 /sys/kernel/debug/rdna1/heaps; echo $((20 + 22)) cards\n";
const EXPECTED: [&str; 2] = ["# rdna1 heaps v1", "42 cards"];

/// How the folders begin that it works in, in the cache.
pub const WORK: &str = "check-harness.";

/// Checks it on the first kernel, or on the one that the user names.
pub fn check(context: &Context) -> Result<Outcome> {
    let kernel = context.kernel()?;
    if !kernel.is_stock() {
        let why = format!(
            "{} has no stock modules: no guest of it is saved",
            kernel.name
        );
        return Ok(Outcome::skipped(why));
    }
    // `make prune` takes what nobody holds for left behind.
    let _lock = context.cache.exclusive(&context.ui, GROUP.0)?;
    let log = context.run_folder()?.join("host/harness.log");
    let promises = check_promises(context, kernel, &Log::create(log.clone())?);
    let mut outcome = Outcome::of(promises).named("what it promises");
    outcome.add(Outcome::of(check_prompt(context, kernel)).named("the prompt in a guest"));
    outcome.log = Some(log);
    Ok(outcome)
}

fn check_promises(context: &Context, kernel: &Kernel, log: &Log) -> Result<String> {
    // What the script's own cache borrows must be there, and nobody may hold it.
    drop(context.builder(&context.provision(kernel)?)?.build()?);
    let activity = context.ui.begin("harness: what it promises");
    let cache = context.cache.root();
    let work = tempfile::Builder::new().prefix(WORK).tempdir_in(cache);
    let work = work.with_context(|| format!("cannot make a folder in {}", cache.display()))?;
    let _half_done = HalfDone::new(work.path());
    let mut command = run::dying_with_us(context.repo.join("qemu/check-harness.sh"));
    // cargo, which builds with the headers that are there, is to see no other folder.
    command
        .env("RDNA1_CACHE", cache)
        .arg(std::env::current_exe().context("our own program is gone")?)
        .arg(&context.repo)
        .arg(cache)
        .arg(&kernel.name)
        .arg(work.path());
    run::logged(&mut command, log, Some(&activity))?;
    activity.done("");
    Ok(String::new())
}

/// Without a terminal; the end of the input ends the guest.
fn check_prompt(context: &Context, kernel: &Kernel) -> Result<String> {
    let activity = context.ui.begin("harness: the prompt in a guest");
    let program = std::env::current_exe().context("our own program is gone")?;
    let mut child = run::dying_with_us(program)
        .arg("--repo")
        .arg(&context.repo)
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
