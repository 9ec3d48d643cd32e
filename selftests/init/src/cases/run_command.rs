// SPDX-License-Identifier: GPL-2.0

//! `rdna1ctl run` with a program that asks the stock KFD for memory: what it asked for is told however
//! it ends.

use std::process::Stdio;

use anyhow::{ensure, Result};
use kfd_uapi as uapi;
use modproof_guest::Ctx;

use super::requests::load;
use super::requests_kinds::{alloc, SIZE};
use crate::ask::{Asker, Last};
use crate::ctl;
use crate::fixture::STOCK;

/// This program; what is run must not take rdna1ctl for it.
const ASKER: &str = "/init";

/// Runs a program that asks for fine-grained memory three times, and for coarse-grained memory twice,
/// and then ends like that. rdna1ctl must end with that status, and say these words.
fn run(ctx: &mut Ctx, options: &[&str], last: Last, status: i32, words: &[&str]) -> Result<()> {
    let (card, id) = load(ctx)?;
    // Another program asks for something else between the requests of the first.
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
    // MEMORY REQUESTS COARSE COHERENT UNCACHED EXT_COHERENT QUEUE
    let place = format!("{}, node {}, gpu_id {id:#x}", card.gpu(), card.node());
    for line in [&place, "vram 5 2 3 0 0 0"] {
        ensure!(
            lines.iter().any(|seen| seen == line),
            "run: expected {line:?} in\n{said}"
        );
    }
    // What was asked for, by whom, three times; and nothing that the other program asked for.
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

/// One that ends well. No variable is known to this guest to be needed but the one that is set.
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

/// One that reads where nothing is: the kernel's log has a line of that.
pub fn crashes(ctx: &mut Ctx) -> Result<()> {
    run(
        ctx,
        &[],
        Last::Crash,
        139,
        &["The command was ended by SIGSEGV.", "]: segfault at "],
    )
}

/// One that waits for what never comes.
pub fn hangs(ctx: &mut Ctx) -> Result<()> {
    run(
        ctx,
        &["--timeout", "3"],
        Last::Hang,
        124,
        &["The command's time was over: it was ended by SIGTERM."],
    )
}

/// Where KFD lies, nothing is run, unless the user wants it all the same.
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
    // The program has a status of its own for words that it does not know.
    let ran = ctl::command(&[&["run", "--no-env"], &command[..]].concat())?.output()?;
    ensure!(
        ran.status.code() == Some(2),
        "run --no-env: expected the program's status 2, seen {}",
        ran.status
    );
    Ok(())
}
