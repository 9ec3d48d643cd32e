// SPDX-License-Identifier: GPL-2.0

//! Boots with one planted defect each; no boot of this suite may pass.
//!
//! They test the host's judge, which must catch each defect and report it as the kind that
//! `selftests/defects/defects.toml` names.

use std::fs;
use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::modules::{is_loaded, parameter};
use modproof_guest::serial::Port;
use modproof_guest::words::VERDICT;
use modproof_guest::{Case, Ctx};
use nix::sys::reboot::{reboot, RebootMode};

use super::leaks::free_memory;

const MODULE: &str = "defects";
/// In KiB: less than the module leaks, more than an idle guest's free memory varies.
const MEMORY_MARGIN: u64 = 8 << 10;

/// The suite; each case needs a boot of its own.
pub const CASES: &[Case] = &[
    Case::new("null-pointer", by_module),
    Case::new("wild-pointer", by_module),
    Case::new("bug", by_module),
    Case::new("warn", by_module),
    Case::new("warn-survived", by_module),
    Case::new("panic", by_module),
    Case::new("stack-used-up", by_module),
    Case::new("stack-overrun", by_module),
    Case::new("stack-printed", by_module),
    Case::new("name-taken", by_module),
    Case::new("triple-fault", by_module),
    Case::new("out-of-bounds", by_module),
    Case::new("use-after-free", by_module),
    Case::new("red-zone", by_module),
    Case::new("slab-poison", by_module),
    Case::new("kfence-out-of-bounds", by_module),
    Case::new("bad-page", by_module),
    Case::new("page-poison", by_module),
    Case::new("index-too-large", by_module),
    Case::new("shift-too-far", by_module),
    Case::new("leak-object", by_module),
    Case::new("leak-pages", leak_pages),
    Case::new("leak-from-cache", by_module),
    Case::new("eat-memory", by_module),
    Case::new("free-active-timer", by_module),
    Case::new("list-add-damaged", by_module),
    Case::new("list-del-twice", by_module),
    Case::new("refcount-underflow", by_module),
    Case::new("lock-order", by_module),
    Case::new("lock-of-same-class", by_module),
    Case::new("lock-not-held", by_module),
    Case::new("lock-freed", by_module),
    Case::new("lock-kept", by_module),
    Case::new("lock-without-key", by_module),
    Case::new("lock-open-to-softirq", by_module),
    Case::new("rcu-unprotected", by_module),
    Case::new("sleep-under-rcu", by_module),
    Case::new("schedule-while-atomic", by_module),
    Case::new("may-sleep-while-atomic", by_module),
    Case::new("soft-lockup", by_module),
    Case::new("rcu-stall", by_module),
    Case::new("hung-task", by_module),
    Case::new("work-queue-stuck", by_module),
    Case::new("taint-p", by_module),
    Case::new("taint-f", by_module),
    Case::new("taint-s", by_module),
    Case::new("taint-r", by_module),
    Case::new("taint-m", by_module),
    Case::new("taint-b", by_module),
    Case::new("taint-u", by_module),
    Case::new("taint-d", by_module),
    Case::new("taint-a", by_module),
    Case::new("taint-w", by_module),
    Case::new("taint-c", by_module),
    Case::new("taint-i", by_module),
    Case::new("taint-l", by_module),
    Case::new("taint-k", by_module),
    Case::new("taint-x", by_module),
    Case::new("taint-t", by_module),
    Case::new("taint-n", by_module),
    Case::new("taint-j", by_module),
    Case::new("failing-case", failing_case),
    Case::new("panicking-case", panicking_case),
    Case::new("first-process-ends", first_process_ends),
    Case::new("silence", silence),
    Case::new("endless-talk", endless_talk),
    Case::new("powered-off-early", powered_off_early),
    Case::new("cut-off", cut_off),
    Case::new("verdict-missing", verdict_missing),
    Case::new("verdict-twice", verdict_twice),
    Case::new("verdict-not-last", verdict_not_last),
    Case::new("wrong-count", wrong_count),
    Case::new("garbage", garbage),
];

/// Has the module `defects` plant the defect that has the case's name.
fn by_module(ctx: &mut Ctx) -> Result<()> {
    if !is_loaded(MODULE) {
        ctx.modules.load_own(MODULE, "")?;
    }
    let path = parameter(MODULE, "plant");
    fs::write(&path, ctx.case).with_context(|| format!("plant {}", ctx.case))
}

/// The kernel does not report this leak, so the case compares free memory itself.
fn leak_pages(ctx: &mut Ctx) -> Result<()> {
    let before = free_memory()?;
    by_module(ctx)?;
    let after = free_memory()?;
    ensure!(
        before.saturating_sub(after) < MEMORY_MARGIN,
        "leak: free memory fell from {before} to {after} KiB"
    );
    Ok(())
}

fn failing_case(_: &mut Ctx) -> Result<()> {
    bail!("planted")
}

fn panicking_case(_: &mut Ctx) -> Result<()> {
    panic!("planted")
}

fn first_process_ends(_: &mut Ctx) -> Result<()> {
    std::process::exit(0)
}

fn silence(_: &mut Ctx) -> Result<()> {
    loop {
        thread::park();
    }
}

fn endless_talk(_: &mut Ctx) -> Result<()> {
    loop {
        println!("and so on");
        thread::sleep(Duration::from_millis(100));
    }
}

fn powered_off_early(_: &mut Ctx) -> Result<()> {
    last_words(b"")
}

fn cut_off(_: &mut Ctx) -> Result<()> {
    last_words(b"ok 1 cut-")
}

fn verdict_missing(_: &mut Ctx) -> Result<()> {
    last_words(b"ok 1 verdict-missing\n")
}

fn verdict_twice(_: &mut Ctx) -> Result<()> {
    let verdict = pass_of(1);
    last_words(format!("ok 1 verdict-twice\n{verdict}{verdict}").as_bytes())
}

fn verdict_not_last(_: &mut Ctx) -> Result<()> {
    let verdict = pass_of(1);
    last_words(format!("ok 1 verdict-not-last\n{verdict}# and another thing\n").as_bytes())
}

fn wrong_count(_: &mut Ctx) -> Result<()> {
    let verdict = pass_of(2);
    last_words(format!("ok 1 wrong-count\n{verdict}").as_bytes())
}

/// A forged verdict.
fn pass_of(cases: u32) -> String {
    format!("# {VERDICT}: pass passed={cases} failed=0 skipped=0\n")
}

/// Writes binary garbage into an otherwise valid stream.
fn garbage(_: &mut Ctx) -> Result<()> {
    say(b"\x00\xff\xfe\x1b[31mok?\x07\x80\n").map(drop)
}

/// Writes these bytes to the serial port of the KTAP stream.
fn say(words: &[u8]) -> Result<Port> {
    let (mut port, missing) = Port::open("ttyS1");
    if let Some(missing) = missing {
        bail!(missing);
    }
    port.write_all(words)?;
    port.drain();
    Ok(port)
}

/// Writes these bytes, then powers the guest off before it can write more.
fn last_words(words: &[u8]) -> Result<()> {
    say(words)?;
    match reboot(RebootMode::RB_POWER_OFF) {
        Ok(never) => match never {},
        Err(errno) => bail!("power off: {errno}"),
    }
}
