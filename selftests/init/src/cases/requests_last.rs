// SPDX-License-Identifier: GPL-2.0

//! `rdna1ctl requests` keeps the last fine-grained requests with their process.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use modproof_guest::Ctx;
use nix::sched::{unshare, CloneFlags};
use nix::time::{clock_gettime, ClockId};
use serde_json::{json, Value};

use super::requests::load;
use super::requests_kinds::{alloc, SIZE};
use crate::ask::{Asker, Request};
use crate::requests::{Tracer, COMPLETE};

const COHERENT: u32 = 1 << 26;

fn now_ms() -> Result<u64> {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
    Ok(u64::try_from(now.as_millis())?)
}

fn number(one: &Value, key: &str) -> Result<u64> {
    one[key].as_u64().with_context(|| format!("{key} of {one}"))
}

fn expect(one: &Value, wanted: &[(&str, Value)]) -> Result<()> {
    for (key, value) in wanted {
        ensure!(one[key] == *value, "{key}: expected {value}, seen {one}");
    }
    Ok(())
}

/// The tracer keeps the last 32 fine-grained requests, each with its arguments and its process.
pub fn kept(ctx: &mut Ctx) -> Result<()> {
    let (card, id) = load(ctx)?;
    let tracer = Tracer::start(&[])?;
    let mut asker = Asker::start()?;
    asker.rename("a b=%\"c")?;
    let pid = asker.id();
    // Allows for two clock ticks of 10 ms.
    let begin = now_ms()?.saturating_sub(20);
    for size in 1..=40 {
        let request = Request::Alloc {
            gpu_id: id,
            flags: 1 | COHERENT,
            size,
        };
        asker.ask(&request, 1, 1)?;
        // Neither of these two is fine-grained.
        asker.ask(&alloc(id, 1), 1, 1)?;
        asker.ask(&alloc(id, 2 | COHERENT | 1 << 27), 1, 1)?;
    }
    let svm = Request::Svm {
        op: 0,
        size: SIZE,
        attributes: vec![(2, id), (5, 0x82), (7, 9)],
    };
    asker.ask(&svm, 1, 1)?;
    let end = now_ms()? + 20;
    asker.end()?;
    let seen = tracer.end(COMPLETE)?;
    seen.expect("/fine", &json!(41))?;
    let last = seen.list("last")?;
    ensure!(
        last.len() == 32,
        "expected 32 of the last, seen {}",
        last.len()
    );
    let mut before = begin;
    for (number_of, one) in (9u64..).zip(last) {
        expect(
            one,
            &[
                ("number", json!(number_of)),
                ("pid", json!(pid)),
                ("command", json!("a b=%\"c")),
            ],
        )?;
        if number_of < 40 {
            expect(
                one,
                &[
                    ("ioctl", json!("alloc_memory")),
                    ("gpu_id", json!(format!("{id:#x}"))),
                    ("gpu", json!(card.gpu())),
                    ("flags", json!("0x4000001")),
                    ("size_bytes", json!(number_of + 1)),
                ],
            )?;
        } else {
            expect(
                one,
                &[
                    ("ioctl", json!("svm")),
                    ("gpu_id", Value::Null),
                    ("flags", json!("0x82")),
                    ("size_bytes", json!(SIZE)),
                ],
            )?;
        }
        let time = number(one, "time_ms")?;
        ensure!(
            (before..=end).contains(&time),
            "expected a time in {before}..={end}, seen {time}"
        );
        before = time;
    }
    Ok(())
}

/// A process is shown by its pid in the initial pid namespace; in its own namespace it has pid 1.
pub fn of_anybody(ctx: &mut Ctx) -> Result<()> {
    let (_, id) = load(ctx)?;
    let tracer = Tracer::start(&[])?;
    let mut command = Command::new("/proc/self/exe");
    // SAFETY: The closure makes one system call; it takes no lock that another thread could hold.
    unsafe {
        command.pre_exec(|| Ok(unshare(CloneFlags::CLONE_NEWPID)?));
    }
    // unshare() does not move the started process; its child is the new namespace's first.
    command
        .arg(modproof_guest::child::VERB)
        .arg(modproof_guest::child::FORK);
    let mut asker = Asker::start_by(&mut command)?;
    asker.ask(&alloc(id, 1 | COHERENT), 1, 1)?;
    let children = format!("/proc/{0}/task/{0}/children", asker.id());
    let children = std::fs::read_to_string(&children).context(children)?;
    let pid = children.trim();
    let status = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&status).context(status)?;
    ensure!(
        status
            .lines()
            .any(|line| line == format!("NSpid:\t{pid}\t1")),
        "it is not the first of its namespace:\n{status}"
    );
    asker.end()?;
    let seen = tracer.end(COMPLETE)?;
    let [one] = seen.list("last")?.as_slice() else {
        anyhow::bail!("expected one, seen {:?}", seen.list("last")?);
    };
    let pid: u64 = pid.parse()?;
    expect(one, &[("pid", json!(pid)), ("size_bytes", json!(SIZE))])?;
    seen.expect("/processes/0/pid", &json!(pid))
}

/// Each kept request shows values of one request only, while several processes ask at once.
pub fn whole(ctx: &mut Ctx) -> Result<()> {
    const READS: usize = 4;
    let (_, id) = load(ctx)?;
    let mut askers = Vec::new();
    for number in 1..=4u32 {
        let mut asker = Asker::start()?;
        let request = Request::Alloc {
            gpu_id: id,
            // The flags and the size identify the process.
            flags: 1 | COHERENT | number << 8,
            size: u64::from(number) << 40 | u64::from(asker.id()),
        };
        asker.rename(&format!("asker-{number}"))?;
        asker.begin_storm(&request, 1)?;
        askers.push(asker);
    }
    let mut shown = 0;
    for _ in 0..ctx.share_of(READS) {
        let tracer = Tracer::start(&[])?;
        std::thread::sleep(Duration::from_millis(20));
        // Requests may be missed: a CPU in another BPF program or a bpf() call skips the probe.
        let seen = tracer.end_in_any_way()?;
        for one in seen.list("last")? {
            let size = number(one, "size_bytes")?;
            let (which, pid) = (size >> 40, size & 0xffff_ffff);
            let flags = 1 | COHERENT | u32::try_from(which)? << 8;
            expect(
                one,
                &[
                    ("pid", json!(pid)),
                    ("flags", json!(format!("{flags:#x}"))),
                    ("command", json!(format!("asker-{which}"))),
                ],
            )?;
            shown += 1;
        }
    }
    let mut asked = 0;
    for mut asker in askers {
        asked += asker.end_storm()?;
        asker.end()?;
    }
    ctx.note(format!("{shown} shown, {asked} asked"));
    ensure!(shown > 0, "none was shown: tried nothing");
    Ok(())
}
