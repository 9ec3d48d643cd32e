// SPDX-License-Identifier: GPL-2.0

//! The last fine-grained requests, and whose they were.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{ensure, Context, Result};
use nix::sched::{unshare, CloneFlags};

use super::requests::{alloc, load, SIZE};
use crate::ask::{Asker, Request};
use crate::ctx::Ctx;
use crate::guard;
use crate::report::Record;
use crate::requests;

const COHERENT: u32 = 1 << 26;

fn uptime_ms() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/uptime").context("read /proc/uptime")?;
    let seconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok((seconds * 1000.0) as u64)
}

fn number(record: &Record, key: &str) -> Result<u64> {
    record.get(key)?.parse().context(key.to_owned())
}

/// The last 32 are kept, each with what was asked and by whom.
pub fn kept(ctx: &mut Ctx) -> Result<()> {
    let (_, id) = load(ctx)?;
    let mut asker = Asker::start()?;
    asker.rename("a b=%\"c")?;
    let pid = asker.id().to_string();
    let begin = uptime_ms()?;
    for size in 1..=40 {
        asker.ask(
            &Request::Alloc {
                gpu_id: id,
                flags: 1 | COHERENT,
                size,
            },
            1,
            1,
        )?;
        // Neither of these is fine-grained.
        asker.ask(&alloc(id, 1), 1, 1)?;
        asker.ask(&alloc(id, 2 | COHERENT | 1 << 27), 1, 1)?;
    }
    asker.ask(
        &Request::Svm {
            op: 0,
            size: SIZE,
            attributes: vec![(2, id), (5, 0x82), (7, 9)],
        },
        1,
        1,
    )?;
    let end = uptime_ms()?;
    asker.end()?;
    let seen = requests::read()?;
    let last = seen.last();
    ensure!(
        last.len() == 32,
        "expected 32 of the last, seen {}",
        last.len()
    );
    // Ticks, and what the uptime lacks of a second.
    let (begin, end) = (begin.saturating_sub(20), end + 20);
    let mut before = 0;
    for (number_of, record) in (9u64..).zip(&last) {
        record.expect(&[
            ("number", &number_of.to_string()),
            ("pid", &pid),
            ("command", "a%20b%3d%25%22c"),
        ])?;
        if number_of < 40 {
            record.expect(&[
                ("ioctl", "alloc_memory"),
                ("gpu_id", &format!("{id:#x}")),
                ("flags", "0x4000001"),
                ("size_bytes", &(number_of + 1).to_string()),
            ])?;
        } else {
            record.expect(&[
                ("ioctl", "svm"),
                ("gpu_id", "0x0"),
                ("flags", "0x82"),
                ("size_bytes", &SIZE.to_string()),
            ])?;
        }
        let time = number(record, "time_ms")?;
        ensure!(
            (begin..=end).contains(&time) && time >= before,
            "expected a time in {begin}..={end} and not before {before}, seen {time}"
        );
        before = time;
    }
    guard::unload()
}

/// A process of another pid namespace is shown as the initial one numbers it: it is 1 in its own.
pub fn of_anybody(ctx: &mut Ctx) -> Result<()> {
    let (_, id) = load(ctx)?;
    let mut command = Command::new("/proc/self/exe");
    // SAFETY: A system call, and nothing that another thread of this process could have locked.
    unsafe {
        command.pre_exec(|| Ok(unshare(CloneFlags::CLONE_NEWPID)?));
    }
    // The process that is started stays where it is; its own child is the first of the namespace.
    command.arg(crate::child::VERB).arg(crate::child::FORK);
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
    let seen = requests::read()?;
    let last = seen.last();
    let [record] = last.as_slice() else {
        anyhow::bail!("expected one, seen {}", last.len());
    };
    record.expect(&[("pid", pid), ("size_bytes", &SIZE.to_string())])?;
    asker.end()?;
    guard::unload()
}

/// Threads that ask for things which belong together, and a reader that only ever sees those.
pub fn whole(ctx: &mut Ctx) -> Result<()> {
    const READS: usize = 60;
    let (_, id) = load(ctx)?;
    let mut askers = Vec::new();
    for number in 1..=4u32 {
        let mut asker = Asker::start()?;
        let request = Request::Alloc {
            gpu_id: id,
            // A program asks with flags that say which one it is.
            flags: 1 | COHERENT | number << 8,
            size: u64::from(number) << 40 | u64::from(asker.id()),
        };
        asker.rename(&format!("asker-{number}"))?;
        asker.begin_storm(&request, 2)?;
        askers.push((asker, number));
    }
    let mut shown = 0;
    for _ in 0..ctx.share_of(READS) {
        let seen = requests::read()?;
        for record in seen.last() {
            let size = number(record, "size_bytes")?;
            let (which, pid) = (size >> 40, size & 0xffff_ffff);
            record.expect(&[
                ("pid", &pid.to_string()),
                (
                    "flags",
                    &format!("{:#x}", 1 | COHERENT | (which as u32) << 8),
                ),
            ])?;
            shown += 1;
        }
        std::thread::yield_now();
    }
    let mut asked = 0;
    for (mut asker, _) in askers {
        asked += asker.end_storm()?;
        asker.end()?;
    }
    ctx.note(format!("{shown} shown, {asked} asked"));
    ensure!(shown > 0, "none was shown: tried nothing");
    let numbers = requests::read()?.numbers()?;
    ensure!(
        numbers["fine requests"] == asked && numbers["probe alloc_memory hits"] == asked,
        "asked {asked}, seen {numbers:?}"
    );
    guard::unload()
}
