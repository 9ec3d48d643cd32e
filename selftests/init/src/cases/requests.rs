// SPDX-License-Identifier: GPL-2.0

//! What programs ask of the stock KFD is counted: exactly, and for whom it was asked.

use std::fs;

use anyhow::{ensure, Context, Result};
use kfd_uapi as uapi;

use super::stock::need_amdgpu;
use super::{requests_last, requests_life, Case};
use crate::ask::{Asker, Request};
use crate::ctx::Ctx;
use crate::fixture::{Card, STOCK};
use crate::guard;
use crate::kfd;
use crate::requests::{self, Numbers};

/// The suite for a boot with the stock amdgpu.ko.
pub const CASES: &[Case] = &[
    Case::cold("before-amdgpu", requests_life::before_amdgpu),
    Case::new("off-patches-nothing", off_patches_nothing),
    Case::new("exact", exact),
    Case::new("exact-by-eight-threads", exact_by_eight_threads),
    Case::new("card-that-was-not-looked-at", card_not_looked_at),
    Case::new("strangers-are-others", strangers_are_others),
    Case::new(
        "blind-without-kprobes",
        requests_life::blind_without_kprobes,
    ),
    Case::new("blind-without-ftrace", requests_life::blind_without_ftrace),
    Case::new("last-requests", requests_last::kept),
    Case::new("last-requests-of-anybody", requests_last::of_anybody),
    Case::new("last-requests-are-whole", requests_last::whole),
    Case::new("unload-in-a-storm", requests_life::unload_in_a_storm),
    Case::new("over-reload-of-amdgpu", requests_life::over_reload),
];

/// A size that no test needs: 64 KiB.
pub const SIZE: u64 = 65536;

/// Loads the fixture with a card, and the module; gives the card and KFD's id of it.
pub fn load(ctx: &Ctx) -> Result<(Card, u32)> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    guard::load_counting(&ctx.modules)?;
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

/// An allocation.
pub fn alloc(gpu_id: u32, flags: u32) -> Request {
    Request::Alloc {
        gpu_id,
        flags,
        size: SIZE,
    }
}

/// Every kind of request, for each of these ids where there is one in it.
pub fn every_kind(gpu_ids: &[u32]) -> Vec<Request> {
    const HEAPS: [u32; 7] = [
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_VRAM,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_GTT,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_USERPTR,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP,
        0,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_GTT | uapi::KFD_IOC_ALLOC_MEM_FLAGS_USERPTR,
    ];
    const GRAINS: [u32; 4] = [
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_COHERENT,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT,
        uapi::KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM,
    ];
    let mut all = Vec::new();
    for &gpu_id in gpu_ids {
        for heap in HEAPS {
            for set in 0..16 {
                let grains = GRAINS
                    .into_iter()
                    .zip(0..)
                    .filter(|(_, bit)| set >> bit & 1 != 0);
                let grain = grains.fold(0, |flags, (flag, _)| flags | flag);
                // Flags that say nothing of grain.
                let more = uapi::KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE
                    | uapi::KFD_IOC_ALLOC_MEM_FLAGS_NO_SUBSTITUTE;
                all.push(alloc(
                    gpu_id,
                    heap | grain | if set & 2 != 0 { more } else { 0 },
                ));
            }
        }
        for default in [0, 1, 2] {
            for alternate in [0, 1, u32::MAX] {
                all.push(Request::Policy {
                    gpu_id,
                    default,
                    alternate,
                });
            }
        }
        for kind in [0, 1, 2, 3, 4, 5, u32::MAX] {
            all.push(Request::Queue { gpu_id, kind });
        }
    }
    let svm = |op, attributes: &[(u32, u32)]| Request::Svm {
        op,
        size: SIZE,
        attributes: attributes.to_vec(),
    };
    for op in [0, 1, 2, u32::MAX] {
        all.push(svm(op, &[]));
        for flags in [0, 0x2, 0x80, 0x82, 0x7d, u32::MAX] {
            all.push(svm(op, &[(5, flags)]));
            all.push(svm(op, &[(6, flags), (0, 7)]));
        }
        let kinds: Vec<_> = (0..12).chain([u32::MAX]).map(|kind| (kind, 2)).collect();
        all.push(svm(op, &kinds));
        // As many as the size of an ioctl allows.
        all.push(svm(op, &[(2, 1); 2044]));
    }
    all
}

/// Without the parameter there is neither the file nor a probe, and with it there is one at each
/// function.
fn off_patches_nothing(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    guard::load(&ctx.modules)?;
    guard::expect_files()?;
    expect_patched(0)?;
    guard::unload()?;
    guard::load_counting(&ctx.modules)?;
    expect_patched(requests::PROBES.len())?;
    requests::read()?.expect_probes(&[("state", "armed"), ("errno", "0"), ("by", "ftrace")])?;
    guard::unload()?;
    expect_patched(0)
}

/// Demands so many kprobes in amdgpu, all of them by ftrace, and so many functions patched.
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

fn exact(ctx: &mut Ctx) -> Result<()> {
    exact_by(ctx, 1, 3)
}

fn exact_by_eight_threads(ctx: &mut Ctx) -> Result<()> {
    exact_by(ctx, 8, 3)
}

/// Every kind of request is made by so many threads so many times, for the card, for ids that no
/// card has, and for no id: each is counted once, where it belongs, and nothing else is.
fn exact_by(ctx: &mut Ctx, threads: u64, times: u64) -> Result<()> {
    let (card, id) = load(ctx)?;
    requests::read()?.expect_gpu(&format!("{id:#x}"), card.gpu(), card.node())?;
    exact_for(ctx, &[id], &[0xbeef, 0, u32::MAX, id ^ 1], threads, times)?;
    guard::unload()
}

/// The same, for these cards and ids.
pub fn exact_for(
    ctx: &mut Ctx,
    cards: &[u32],
    others: &[u32],
    threads: u64,
    times: u64,
) -> Result<()> {
    let all = every_kind(&[cards, others].concat());
    let before = requests::read()?;
    let mut expected = Numbers::new();
    let mut asker = Asker::start()?;
    for request in &all {
        asker.ask(request, times, threads)?;
        requests::add(&mut expected, cards, request, times * threads);
    }
    asker.end()?;
    let after = requests::read()?;
    after.expect_probes(&[("state", "armed"), ("missed", "0")])?;
    let left_out = left_out(&before, &after)?;
    expected.insert("fine left_out".to_owned(), left_out);
    after.expect_rise(&before, &expected)?;
    ctx.note(format!(
        "{} kinds of requests, {} times each",
        all.len(),
        times * threads
    ));
    Ok(())
}

/// How many were left out of the ring: none where there is one CPU. Where there are more, writers can
/// meet, and one of the two is kept.
fn left_out(before: &requests::Requests, after: &requests::Requests) -> Result<u64> {
    let (before, after) = (before.numbers()?, after.numbers()?);
    let risen = |name: &str| after[name] - before[name];
    let (left_out, fine) = (risen("fine left_out"), risen("fine requests"));
    let one_cpu = std::thread::available_parallelism()?.get() == 1;
    let most = if one_cpu { 0 } else { fine / 2 };
    ensure!(
        left_out <= most,
        "{left_out} of {fine} fine-grained requests were left out, expected {most} at most"
    );
    Ok(left_out)
}

/// A card that nobody has looked at yet: what was asked of it is its own as soon as somebody looks.
fn card_not_looked_at(ctx: &mut Ctx) -> Result<()> {
    let (_, first) = load(ctx)?;
    let before = requests::read()?;
    let second = gpu_id(&STOCK.add(1, "bar=small")?)?;
    let mut expected = Numbers::new();
    let mut asker = Asker::start()?;
    for id in [first, second] {
        asker.ask(&alloc(id, 1), 5, 1)?;
        requests::add(&mut expected, &[first, second], &alloc(id, 1), 5);
    }
    asker.end()?;
    let after = requests::read()?;
    after.expect_rise(&before, &expected)?;
    // A card that went keeps what was counted for it.
    STOCK.remove(1)?;
    let gone = requests::read()?;
    gone.expect_rise(&after, &Numbers::new())?;
    gone.expect_gpu(&format!("{second:#x}"), "?", "?")?;
    guard::unload()
}

/// However many ids a program makes up, they are one record, and none is a card's.
fn strangers_are_others(ctx: &mut Ctx) -> Result<()> {
    let (_, first) = load(ctx)?;
    let before = requests::read()?;
    let mut expected = Numbers::new();
    let mut asker = Asker::start()?;
    for made_up in 1000..1100 {
        asker.ask(&alloc(made_up, 2), 1, 1)?;
        requests::add(&mut expected, &[first], &alloc(made_up, 2), 1);
    }
    asker.end()?;
    let after = requests::read()?;
    after.expect_rise(&before, &expected)?;
    // There is room for a card that comes later.
    let second = gpu_id(&STOCK.add(1, "bar=small")?)?;
    let seen = requests::read()?;
    let ids = [first, second].map(|id| format!("{id:#x}"));
    let all = [&ids[0], &ids[1], "-"];
    ensure!(
        seen.gpu_ids()? == all,
        "expected records of {all:?}, seen {:?}",
        seen.gpu_ids()?
    );
    let mut asker = Asker::start()?;
    let mut expected = Numbers::new();
    asker.ask(&alloc(second, 2), 3, 1)?;
    asker.end()?;
    requests::add(&mut expected, &[first, second], &alloc(second, 2), 3);
    requests::read()?.expect_rise(&seen, &expected)?;
    guard::unload()
}
