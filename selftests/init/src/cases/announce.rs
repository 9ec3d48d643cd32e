// SPDX-License-Identifier: GPL-2.0

//! The module announces each lie by one uevent, and logs and counts cards that come and go.

use anyhow::{ensure, Result};
use modproof_guest::kmsg::{self, Kmsg};
use modproof_guest::uevents::Uevents;
use modproof_guest::Ctx;

use crate::fixture::TREE;
use crate::guard;

/// One uevent when the verdict becomes `lie`, however often it is read; the next after `truth`.
pub fn once(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0;slot=1")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    let before = guard::counters()?;
    let ear = Uevents::from_now()?;
    read_all()?;
    expect(&ear, 0, "of two honest cards")?;

    TREE.set(0, "bank.flags=1")?;
    TREE.set(0, "hive_id=7")?;
    read_all()?;
    read_all()?;
    let events = expect(&ear, 1, "of a lie that is read eight times")?;
    for (key, value) in [
        ("ACTION", "change"),
        ("SUBSYSTEM", "module"),
        ("RDNA1_GPU", card.gpu()),
        ("RDNA1_VERDICT", "lie"),
        ("RDNA1_RULES", "bank-flags,hive-id"),
    ] {
        let seen = events[0].get(key).map(String::as_str);
        ensure!(
            seen == Some(value),
            "{key}: expected {value}, seen {seen:?}"
        );
    }

    // The card still lies: another rule's lie, or a zero that makes it unknown, sends no uevent.
    TREE.set(0, "bank.flags=0")?;
    TREE.set(0, "num_cp_queues=0")?;
    read_all()?;
    TREE.set(0, "num_cp_queues=24")?;
    read_all()?;
    expect(&ear, 0, "while it went on lying")?;

    TREE.set(0, "hive_id=0")?;
    read_all()?;
    expect(&ear, 0, "of the truth")?;
    TREE.set(0, "hive_id=7")?;
    read_all()?;
    expect(&ear, 1, "of the next lie")?;
    let announced = before.rise(&guard::counters()?, &["lies_announced"]);
    ensure!(
        announced == 2,
        "lies_announced: expected a rise by 2, seen {announced}"
    );
    guard::unload()
}

/// At load, the module logs one line for each card with its verdict.
pub fn log_at_load(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0;slot=1 lie=bank-flags;slot=2 kfd=0")?;
    let mut log = Kmsg::from_now()?;
    guard::load(&ctx.modules)?;
    let lines = log.new_lines()?;
    for (slot, words) in [
        (0, "what KFD says of it: truth"),
        (1, "KFD's topology does not match the hardware (bank-flags)"),
        (2, "not in KFD"),
    ] {
        let card = TREE.card(slot)?;
        let line = |line: &&String| line.contains("rdna1_kfd_guard") && line.contains(card.gpu());
        let said: Vec<_> = lines.iter().filter(line).collect();
        ensure!(
            said.len() == 1 && said[0].contains(words),
            "{}: expected one line with {words:?}, seen {said:?}",
            card.gpu()
        );
    }
    guard::unload()
}

/// The module logs and counts each card that comes or goes.
pub fn comings_and_goings(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    let before = guard::counters()?;
    let mut log = Kmsg::from_now()?;
    let card = TREE.add(0, "")?;
    let gpu = card.gpu().to_owned();
    kmsg::expect_line(&log.new_lines()?, &["rdna1_kfd_guard", &gpu, "came"])?;
    TREE.remove(0)?;
    kmsg::expect_line(&log.new_lines()?, &["rdna1_kfd_guard", &gpu, "went"])?;
    before.expect_rise(&guard::counters()?, &["events_pci"], 2)?;
    guard::unload()
}

fn read_all() -> Result<()> {
    for file in guard::RECORD_FILES {
        guard::read(file)?;
    }
    Ok(())
}

fn expect(ear: &Uevents, count: usize, what: &str) -> Result<Vec<modproof_guest::uevents::Uevent>> {
    let events = ear.new_of(guard::DEVPATH)?;
    ensure!(
        events.len() == count,
        "expected {count} uevents {what}, seen {events:?}"
    );
    Ok(events)
}
