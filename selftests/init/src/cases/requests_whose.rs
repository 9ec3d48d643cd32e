// SPDX-License-Identifier: GPL-2.0

//! `rdna1ctl requests` counts only one process (`--pid`), or only a command and its children.

use anyhow::{ensure, Result};
use modproof_guest::Ctx;

use super::requests::load;
use super::requests_kinds::alloc;
use crate::ask::{Asker, Last};
use crate::ctl;
use crate::requests::{add, refused, Numbers, Requests, Tracer, COMPLETE};

const COHERENT: u32 = 1 << 26;
/// This program's path. `/proc/self/exe` would be rdna1ctl, which starts the command.
pub const ASKER: &str = "/init";

/// `--pid` ignores another process with similar requests, and ends with its process.
pub fn one_process(ctx: &mut Ctx) -> Result<()> {
    let (_, id) = load(ctx)?;
    let (mut asker, mut other) = (Asker::start()?, Asker::start()?);
    let request = alloc(id, 1 | COHERENT);
    asker.ask(&request, 1, 1)?;
    let pid = asker.id();
    let tracer = Tracer::start(&["--pid", &pid.to_string()])?;
    other.ask(&alloc(id, 2), 7, 2)?;
    asker.ask(&request, 5, 3)?;
    other.ask(&alloc(id, 2), 7, 2)?;
    let mut expected = Numbers::new();
    add(&mut expected, pid, &request, 15)?;
    asker.end()?;
    tracer.output(COMPLETE)?.expect_numbers(&expected)?;
    other.end()?;
    let said = refused(
        &mut ctl::command(&["requests", "--json", "--pid", &pid.to_string()])?,
        2,
    )?;
    ensure!(
        said.contains(&format!("no process {pid}")),
        "it said {said}"
    );
    Ok(())
}

/// A command, its child and the child's threads are counted; other processes are not.
pub fn command(ctx: &mut Ctx) -> Result<()> {
    of_command(
        ctx,
        &[modproof_guest::child::VERB, modproof_guest::child::FORK],
        true,
    )
}

/// A thread other than the first calls exec. It takes over the id of the first thread, which the
/// tracer has seen exit.
pub fn exec_by_a_thread(ctx: &mut Ctx) -> Result<()> {
    of_command(
        ctx,
        &[modproof_guest::child::VERB, modproof_guest::child::THREAD],
        false,
    )
}

/// Traces a command that runs this program with `words` in front. Only its requests may be counted,
/// not those of a process that started before it and of one that started after it.
fn of_command(ctx: &mut Ctx, words: &[&str], is_child: bool) -> Result<()> {
    let (_, id) = load(ctx)?;
    let mut before = Asker::start()?;
    let mut command = ctl::command(&["requests", "--json", "--", ASKER])?;
    command.args(words);
    let mut asker = Asker::start_heard_by_stderr(&mut command)?;
    let mut later = Asker::start()?;
    let request = alloc(id, 1 | COHERENT);
    let svm = crate::ask::Request::Svm {
        op: 0,
        size: 1,
        attributes: vec![(5, 2)],
    };
    asker.ask(&request, 2, 4)?;
    for other in [&mut before, &mut later] {
        other.ask(&alloc(id, 2), 7, 2)?;
    }
    asker.ask(&svm, 3, 1)?;
    for other in [&mut before, &mut later] {
        other.ask(&alloc(id, 2), 7, 2)?;
    }
    before.end()?;
    later.end()?;
    let tracer = asker.id();
    let (ended, said) = asker.output(Last::End)?;
    ensure!(ended.success(), "rdna1ctl requests -- {words:?}: {ended}");
    let seen = Requests::parse(said)?;
    let processes = seen.list("processes")?;
    ensure!(
        processes.len() == 1,
        "expected one process, seen {processes:?}"
    );
    let pid = seen.number("/processes/0/pid")?;
    // A child's pid is not the pid of the process that rdna1ctl started.
    ensure!(
        pid > u64::from(tracer) && (pid > u64::from(tracer) + 1 || !is_child),
        "rdna1ctl is {tracer}, and {pid} asked"
    );
    let mut expected = Numbers::new();
    add(&mut expected, u32::try_from(pid)?, &request, 8)?;
    add(&mut expected, u32::try_from(pid)?, &svm, 3)?;
    seen.expect_numbers(&expected)?;
    seen.expect("/tracing/state", &"armed".into())
}
