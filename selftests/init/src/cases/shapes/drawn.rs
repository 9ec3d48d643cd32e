// SPDX-License-Identifier: GPL-2.0

//! Tests honest machines with random devices and random steps.

use anyhow::{Context, Result};
use fastrand::Rng;
use modproof_guest::Ctx;

use super::machine::{online_nodes, Machine};
use super::model::Device;
use super::on_machines;
use crate::cases::torture::seed_word;

/// The number of machines in a short and in a long run; six layouts make about a hundred.
const SHORT: u64 = 2;
const LONG: u64 = 17;

const MOST_CARDS: usize = 4;
const MOST_OTHERS: usize = 3;
const MOST_STEPS: usize = 8;

/// Draws machines from a seed. Each machine has its own seed, so that a failing one can be
/// repeated.
pub fn drawn(ctx: &mut Ctx) -> Result<()> {
    let seed = ctx.options.seed.unwrap_or_else(|| fastrand::u64(..));
    let count = if ctx.options.rounds.is_some() {
        LONG
    } else {
        SHORT
    };
    ctx.note(format!("{} makes the same again", seed_word(seed)));
    let numa = online_nodes()?;
    let seeds = (0..count).map(|number| seed.wrapping_add(number));
    on_machines(ctx, seeds.collect(), |machine, seed| {
        let mut random = Rng::with_seed(seed);
        let done = draw(machine, &mut random, &numa);
        done.with_context(|| format!("the first machine of {}", seed_word(seed)))
    })
}

fn draw(machine: &mut Machine, random: &mut Rng, numa: &[u32]) -> Result<()> {
    let mut devices = Vec::new();
    for _ in 0..random.usize(1..=MOST_CARDS) {
        devices.push(card(random, numa));
    }
    for _ in 0..random.usize(0..=MOST_OTHERS) {
        devices.push(other(random));
    }
    random.shuffle(&mut devices);
    let mut coming = (0..).zip(devices).peekable();
    let mut steps = random.usize(0..=MOST_STEPS);
    while coming.peek().is_some() || steps > 0 {
        if steps == 0 || random.bool() {
            if let Some((slot, words)) = coming.next() {
                let hold = hold(machine, random, &words);
                machine.add(slot, &format!("{words}{hold}"))?;
                continue;
            }
        }
        steps = steps.saturating_sub(1);
        if random.u8(..8) == 0 {
            machine.reload()?;
        } else if let Some((slot, step)) = step(machine, random) {
            machine.step(slot, step)?;
        }
    }
    take_apart(machine, random)
}

fn pick<'t>(random: &mut Rng, from: &[&'t str]) -> &'t str {
    random.choice(from).copied().unwrap_or_default()
}

/// The fixture's words for a random Navi10.
fn card(random: &mut Rng, numa: &[u32]) -> String {
    let mut words = vec![
        pick(random, &["board=5700xt", "board=5600xt"]).to_owned(),
        pick(
            random,
            &["bar=small", "bar=partial", "bar=large", "bar=large"],
        )
        .to_owned(),
        pick(random, &["", "", "atomics=0"]).to_owned(),
        pick(random, &["", "", "completer=0"]).to_owned(),
        pick(
            random,
            &[
                "",
                "",
                "path=switch",
                "path=switch route=0",
                "path=switch egress=blocked",
            ],
        )
        .to_owned(),
    ];
    words.push(pick(random, &["", "", "", "", "kfd=0 driver=1", "kfd=0"]).to_owned());
    if random.bool() {
        words.push(format!("cus={}", 2 * random.u32(1..=18)));
    }
    if let (true, Some(node)) = (random.bool(), random.choice(numa)) {
        words.push(format!("numa={node}"));
    }
    if random.u8(..4) == 0 {
        // Large and above the domains that slots have: two devices must not share one.
        words.push(format!("domain={}", random.u32(0x10000..0x7fff_ffff)));
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// The fixture's words for another random GPU.
fn other(random: &mut Rng) -> String {
    let boards = ["rx6600", "mi100", "mi100", "mi250a", "raphael"];
    format!("board={}", pick(random, &boards))
}

/// Sometimes holds KFD while it adds a card; never two cards at once.
fn hold<'h>(machine: &Machine, random: &mut Rng, words: &str) -> &'h str {
    let mut devices = machine.devices();
    let can = !devices.any(|(_, placed)| placed.device.held)
        && !words.contains("kfd=0")
        && !words.contains("numa=")
        && Device::added(words).is_card;
    match can && random.u8(..4) == 0 {
        true => pick(random, &[" hold=fill", " hold=ids", " hold=links"]),
        false => "",
    }
}

/// A random step that is possible for one of the cards now.
fn step(machine: &Machine, random: &mut Rng) -> Option<(u32, &'static str)> {
    let mut all = Vec::new();
    for (slot, placed) in machine.devices() {
        if placed.device.is_card {
            let steps = placed.device.next_steps().into_iter();
            all.extend(steps.map(|step| (slot, step)));
        }
    }
    random.choice(all)
}

fn take_apart(machine: &mut Machine, random: &mut Rng) -> Result<()> {
    let mut slots: Vec<_> = machine.devices().map(|(slot, _)| slot).collect();
    random.shuffle(&mut slots);
    for slot in slots {
        let mut devices = machine.devices();
        let held = devices.any(|(at, placed)| at == slot && placed.device.held);
        drop(devices);
        if held {
            machine.step(slot, "release")?;
        }
        machine.step(slot, "remove")?;
    }
    Ok(())
}
