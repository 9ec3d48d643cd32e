// SPDX-License-Identifier: GPL-2.0

//! `rdna1ctl run` reports what its program asked of the stock KFD, however the program ends.

use std::process::Stdio;

use anyhow::{ensure, Result};
use kfd_uapi as uapi;
use modproof_guest::Ctx;

use super::requests::load;
use super::requests_kinds::{alloc, SIZE};
use crate::ask::{Asker, Last};
use crate::ctl;
use crate::fixture::STOCK;

/// This program's path. `/proc/self/exe` would be rdna1ctl, which starts the command.
const ASKER: &str = "/init";

/// Runs a program that makes three fine-grained and two coarse-grained requests and then ends as
/// `last` says. rdna1ctl must exit with `status` and print `words`.
fn run(ctx: &mut Ctx, options: &[&str], last: Last, status: i32, words: &[&str]) -> Result<()> {
    let (card, id) = load(ctx)?;
    // A second program's requests must not be counted.
    let mut other = Asker::start()?;
    let gtt = alloc(id, uapi::KFD_IOC_ALLOC_MEM_FLAGS_GTT);
    let arguments = [&["run"], options, &["--", ASKER]].concat();
    let mut command = ctl::command(&arguments)?;
    let mut asker = Asker::start_by(command.stderr(Stdio::piped()))?;
    let vram = uapi::KFD_IOC_ALLOC_MEM_FLAGS_VRAM;
    let fine = vram | uapi::KFD_IOC_ALLOC_MEM_FLAGS_COHERENT;
    asker.ask(&alloc(id, fine), 3, 1)?;
    other.ask(&gtt, 7, 2)?;
    asker.ask(&alloc(id, vram), 2, 1)?;
    other.ask(&gtt, 7, 2)?;
    let (ended, said) = asker.output(last)?;
    other.end()?;
    ensure!(
        ended.code() == Some(status),
        "run: expected status {status}, seen {ended}\n{said}"
    );
    let lines: Vec<String> = said
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    // The columns: MEMORY REQUESTS COARSE COHERENT UNCACHED EXT_COHERENT QUEUE.
    let place = format!("{}, node {}, gpu_id {id:#x}", card.gpu(), card.node());
    for line in [&place, "vram 5 2 3 0 0 0"] {
        ensure!(
            lines.iter().any(|seen| seen == line),
            "run: expected {line:?} in\n{said}"
        );
    }
    // One row for each fine-grained request, and none of the second program's.
    let row = format!("init alloc_memory {} {fine:#x} {SIZE}", card.gpu());
    let all = lines.join(" ");
    ensure!(
        all.matches(&row).count() == 3
            && all.matches("(process ").count() == 1
            && !lines.iter().any(|line| line.starts_with("gtt ")),
        "run: expected three rows with {row:?}, and one process\n{said}"
    );
    for word in words {
        ensure!(all.contains(word), "run: expected {word:?} in\n{said}");
    }
    Ok(())
}

/// A program that succeeds. In this guest, rdna1ctl knows only one variable to set.
pub fn fine_grained(ctx: &mut Ctx) -> Result<()> {
    run(
        ctx,
        &["--timeout", "600"],
        Last::End,
        0,
        &[
            "rdna1ctl: MIOPEN_FIND_MODE=2",
            "The command ended well",
            "Nothing about the card or a crash.",
        ],
    )
}

/// A program that reads an unmapped address, which the kernel logs.
pub fn crashes(ctx: &mut Ctx) -> Result<()> {
    run(
        ctx,
        &[],
        Last::Crash,
        139,
        &["The command was ended by SIGSEGV.", "]: segfault at "],
    )
}

/// A program that never ends, until the time-out ends it.
pub fn hangs(ctx: &mut Ctx) -> Result<()> {
    run(
        ctx,
        &["--timeout", "3"],
        Last::Hang,
        124,
        &["The command's time was over: it was ended by SIGTERM."],
    )
}

/// `run` refuses to start a program while KFD lies; `--no-env` starts it nevertheless.
pub fn refuses_a_liar(ctx: &mut Ctx) -> Result<()> {
    load(ctx)?;
    STOCK.set(0, "hive_id=1")?;
    let command = ["--", ASKER, "nothing"];
    let refused = ctl::command(&[&["run"], &command[..]].concat())?.output()?;
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(
        refused.status.code() == Some(125) && said.contains("hive-id"),
        "run: expected a refusal, seen {}\n{said}",
        refused.status
    );
    // Status 2 proves that /init ran: it is its status for unknown arguments.
    let ran = ctl::command(&[&["run", "--no-env"], &command[..]].concat())?.output()?;
    ensure!(
        ran.status.code() == Some(2),
        "run --no-env: expected the program's status 2, seen {}",
        ran.status
    );
    Ok(())
}
