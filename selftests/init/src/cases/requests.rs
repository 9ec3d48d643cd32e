// SPDX-License-Identifier: GPL-2.0

//! `rdna1ctl requests` beside the stock amdgpu.ko counts exactly what each process asks of KFD.

use std::fs;
use std::sync::Barrier;
use std::thread;

use anyhow::{bail, ensure, Context, Result};
use kfd_uapi as uapi;
use modproof_guest::Ctx;
use serde_json::json;

use super::requests_kinds::{alloc, every_kind, SIZE};
use super::stock::need_amdgpu;
use crate::ask::{Asker, Request};
use crate::fixture::{Card, STOCK};
use crate::kfd;
use crate::requests::{add, Numbers, Tracer, COMPLETE, INCOMPLETE};

/// Loads the fixture with a card; returns the card and KFD's id of it.
pub fn load(ctx: &Ctx) -> Result<(Card, u32)> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    let card = STOCK.add(0, "bar=large")?;
    let id = gpu_id(&card)?;
    Ok((card, id))
}

/// KFD's id of a card.
pub fn gpu_id(card: &Card) -> Result<u32> {
    let id = kfd::number(&kfd::node(card.node()).join("gpu_id"))?;
    ensure!(id != 0, "KFD gave the card no id");
    Ok(id.try_into()?)
}

/// Demands exactly `count` kprobes in amdgpu, all by ftrace, and as many patched functions.
pub fn expect_patched(count: usize) -> Result<()> {
    const LIST: &str = "/sys/kernel/debug/kprobes/list";
    const PATCHED: &str = "/sys/kernel/debug/tracing/enabled_functions";
    let text = fs::read_to_string(LIST).with_context(|| format!("read {LIST}"))?;
    let probes: Vec<_> = text
        .lines()
        .filter(|line| line.contains(" amdgpu "))
        .collect();
    let by_ftrace = probes.iter().filter(|line| line.contains("[FTRACE]"));
    ensure!(
        probes.len() == count && by_ftrace.count() == count,
        "expected {count} kprobes in amdgpu by ftrace, seen\n{text}"
    );
    let text = fs::read_to_string(PATCHED).with_context(|| format!("read {PATCHED}"))?;
    let patched = text.lines().filter(|line| line.contains("[amdgpu]"));
    let seen = patched.count();
    ensure!(
        seen == count,
        "expected {count} patched functions of amdgpu, seen {seen}:\n{text}"
    );
    Ok(())
}

/// One process makes one request.
pub fn one_request(ctx: &mut Ctx) -> Result<()> {
    let (_, id) = load(ctx)?;
    expect_patched(0)?;
    let tracer = Tracer::start(&[])?;
    // KFD's four handlers, and the self-check.
    expect_patched(5)?;
    let mut asker = Asker::start()?;
    let request = alloc(id, uapi::KFD_IOC_ALLOC_MEM_FLAGS_VRAM);
    asker.ask(&request, 1, 1)?;
    let mut expected = Numbers::new();
    add(&mut expected, asker.id(), &request, 1)?;
    asker.end()?;
    let seen = tracer.end(COMPLETE)?;
    seen.expect_numbers(&expected)?;
    seen.expect("/tracing/state", &json!("armed"))?;
    seen.expect("/processes/0/command", &json!("exe"))?;
    expect_patched(0)
}

/// Eight processes with two threads each make every kind of request at once: for a card, for ids
/// that no card has, and for no id. The tracer counts each request once, for its process.
pub fn exact_by_eight_processes(ctx: &mut Ctx) -> Result<()> {
    const PROCESSES: usize = 8;
    const THREADS: u64 = 2;
    let (_, id) = load(ctx)?;
    let all = every_kind(&[id, 0xbeef, 0, u32::MAX, id ^ 1]);
    ensure!(all.len() >= 700, "expected 700 kinds, seen {}", all.len());
    let times = ctx.share_of(3) as u64;
    let tracer = Tracer::start(&[])?;
    let together = Barrier::new(PROCESSES);
    let ask_all = || -> Result<u32> {
        let asker = Asker::start();
        together.wait();
        let mut asker = asker?;
        for request in &all {
            asker.ask(request, times, THREADS)?;
        }
        let pid = asker.id();
        asker.end()?;
        Ok(pid)
    };
    let pids = thread::scope(|scope| {
        let threads: Vec<_> = (0..PROCESSES).map(|_| scope.spawn(ask_all)).collect();
        let pids = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")));
        pids.collect::<Result<Vec<_>>>()
    })?;
    let mut expected = Numbers::new();
    for pid in pids {
        for request in &all {
            add(&mut expected, pid, request, times * THREADS)?;
        }
    }
    let seen = tracer.end(COMPLETE)?;
    seen.expect_numbers(&expected)?;
    ctx.note(format!(
        "{} kinds of requests, {} times each, by {PROCESSES} processes; {} numbers",
        all.len(),
        times * THREADS,
        expected.len()
    ));
    Ok(())
}

/// The tracer names each card by KFD's topology, even one that comes later and goes again.
pub fn names_of_cards(ctx: &mut Ctx) -> Result<()> {
    let (card, id) = load(ctx)?;
    let tracer = Tracer::start(&[])?;
    let second = STOCK.add(1, "bar=small")?;
    let second_id = gpu_id(&second)?;
    // The tracer reads the topology every second.
    thread::sleep(std::time::Duration::from_millis(2500));
    let mut asker = Asker::start()?;
    for id in [id, second_id, 0xbeef] {
        asker.ask(&alloc(id, 1), 1, 1)?;
    }
    asker.end()?;
    STOCK.remove(1)?;
    let seen = tracer.end(COMPLETE)?;
    let process = &seen.list("processes")?[0];
    for (id, gpu, node) in [
        (id, Some(card.gpu()), Some(card.node())),
        (second_id, Some(second.gpu()), Some(second.node())),
        (0xbeef, None, None),
    ] {
        let cards = process["cards"].as_array().context("cards")?;
        let found = cards.iter().find(|one| one["gpu_id"] == format!("{id:#x}"));
        let found = found.with_context(|| format!("nothing of {id:#x}: {process}"))?;
        let node: Option<u32> = node.map(str::parse).transpose()?;
        ensure!(
            found["gpu"] == json!(gpu) && found["node"] == json!(node),
            "expected {gpu:?} and node {node:?}, seen {found}"
        );
    }
    Ok(())
}

/// A full map: the tracer counts the lost requests by kind, and reports that counts are incomplete.
pub fn full_map(ctx: &mut Ctx) -> Result<()> {
    const ROOM: u32 = 16;
    load(ctx)?;
    let tracer = Tracer::start(&["--room", &ROOM.to_string()])?;
    let mut askers = Vec::new();
    let mut asker = Asker::start()?;
    let mut expected = Numbers::new();
    for gpu_id in 1..=ROOM + 5 {
        let request = alloc(gpu_id, 1);
        asker.ask(&request, 2, 1)?;
        if gpu_id <= ROOM {
            add(&mut expected, asker.id(), &request, 2)?;
        }
    }
    asker.ask(
        &Request::Queue {
            gpu_id: 99,
            kind: 0,
        },
        3,
        1,
    )?;
    let policy = Request::Policy {
        gpu_id: 98,
        default: 0,
        alternate: 0,
    };
    asker.ask(&policy, 4, 1)?;
    asker.end()?;
    for number in 0..ROOM + 2 {
        let mut asker = Asker::start()?;
        let request = Request::Svm {
            op: 1,
            size: SIZE,
            attributes: vec![],
        };
        asker.ask(&request, 1, 1)?;
        if number < ROOM {
            add(&mut expected, asker.id(), &request, 1)?;
        }
        askers.push(asker);
    }
    let seen = tracer.end(INCOMPLETE)?;
    askers.into_iter().try_for_each(Asker::end)?;
    seen.expect_numbers(&expected)?;
    for (kind, lost) in [(0, 10), (1, 2), (2, 4), (3, 3)] {
        seen.expect(&format!("/tracing/probes/{kind}/lost"), &json!(lost))?;
    }
    Ok(())
}
