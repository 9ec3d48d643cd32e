// SPDX-License-Identifier: GPL-2.0

//! Demands that each lie is caught on every machine, and by its own rule only.

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::uevents::Uevents;
use modproof_guest::Ctx;

use super::table::LIES;
use crate::fixture::{Card, TREE};
use crate::guard;
use crate::kfd;
use crate::truth::View;

/// The honest cards beside the lying card.
const BESIDE: [&str; 2] = ["bar=large", "board=5600xt bar=small"];

/// Adds a lying card, once before the honest cards and once after them.
pub fn caught(ctx: &mut Ctx) -> Result<()> {
    let mut rows = LIES.iter();
    let row = rows.find(|row| ctx.case.strip_prefix("caught-") == Some(row.name));
    let row = row.context("no such row of the table")?;
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    for words in row.words {
        for liar in [0, BESIDE.len()] {
            let mut devices = BESIDE.to_vec();
            devices.insert(liar, words);
            expect_caught(&devices, liar, row.rule)
                .with_context(|| format!("{words:?} in slot {liar}"))?;
        }
    }
    guard::unload()?;
    TREE.unload()
}

fn expect_caught(devices: &[&str], liar: usize, rule: &str) -> Result<()> {
    let ear = Uevents::from_now()?;
    for (slot, words) in (0..).zip(devices) {
        TREE.add(slot, words)?;
    }
    let slots = 0..u32::try_from(devices.len())?;
    let cards = slots.clone().map(|slot| TREE.card(slot));
    let cards = cards.collect::<Result<Vec<_>>>()?;
    let view = View::read()?;
    view.expect_cards(cards.len())?;
    for (number, card) in cards.iter().enumerate() {
        let lies = (number == liar).then_some(rule);
        expect_verdict(&view, card, lies).with_context(|| card.gpu().to_owned())?;
    }
    expect_event(&ear, cards[liar].gpu(), rule)?;
    for slot in slots {
        TREE.remove(slot)?;
    }
    guard::expect_header_only()
}

/// Demands that only the rule `lies` reports a lie, or that every rule reports the truth.
fn expect_verdict(view: &View, card: &Card, lies: Option<&str>) -> Result<()> {
    let gpu = ("gpu", card.gpu());
    // The only other verdict is `unknown`, for a CPU's link whose flags KFD has not filled.
    let unfilled = kfd::links_from_cpus(card.node())?.contains(&0);
    for check in view.checks.select(&[gpu]) {
        let rule = check.get("rule")?;
        let verdict = match lies {
            Some(lies) if rule == lies => "lie",
            _ if rule == "link-coherent" && unfilled => "unknown",
            _ => "truth",
        };
        check.expect(&[("node", card.node()), ("verdict", verdict)])?;
    }
    let verdict = match lies {
        Some(lies) => {
            view.checks.one(&[gpu, ("rule", lies)])?;
            "lie"
        }
        None if unfilled => "unknown",
        None => "truth",
    };
    for report in [&view.gpus, &view.heaps, &view.flags] {
        report.one(&[gpu])?.expect(&[("verdict", verdict)])?;
    }
    Ok(())
}

fn expect_event(ear: &Uevents, gpu: &str, rule: &str) -> Result<()> {
    let events = ear.new_of(guard::DEVPATH)?;
    let wanted = [
        ("RDNA1_GPU", gpu),
        ("RDNA1_VERDICT", "lie"),
        ("RDNA1_RULES", rule),
    ];
    let is_wanted = |(key, value): &(&str, &str)| {
        let seen = events.first().and_then(|event| event.get(*key));
        seen.is_some_and(|seen| seen == value)
    };
    ensure!(
        events.len() == 1 && wanted.iter().all(is_wanted),
        "expected one uevent with {wanted:?}, seen {events:?}"
    );
    Ok(())
}

/// A replugged card has two nodes; a lie on either node is the card's verdict.
pub fn caught_on_one_of_two_nodes(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=1")?;
    guard::load(&ctx.modules)?;
    for of_the_old in [false, true] {
        let which = if of_the_old { "old" } else { "live" };
        lie_of_one(of_the_old).with_context(|| format!("the {which} node lies"))?;
    }
    guard::unload()?;
    TREE.unload()
}

fn lie_of_one(of_the_old: bool) -> Result<()> {
    // The fixture's `set` changes the newest node.
    const LIE: &str = "hive_id=7";
    let card = TREE.add(0, "")?;
    // The module announces a card's lie again only after it has read the truth of the card.
    expect_verdict(&View::read()?, &card, None)?;
    let gpu = ("gpu", card.gpu());
    let ear = Uevents::from_now()?;
    TREE.control("unplug slot=0")?;
    if of_the_old {
        TREE.set(0, LIE)?;
        // Without a PCI function at the address, the module cannot know whose node it is.
        let view = View::read()?;
        view.checks.expect_none(&[("verdict", "lie")])?;
        view.heaps.one(&[gpu])?.expect(&[("verdict", "unknown")])?;
    }
    let old = kfd::nodes_at(card.gpu())?;
    TREE.control("replug slot=0")?;
    let mut nodes = kfd::nodes_at(card.gpu())?;
    ensure!(nodes.len() == 2, "expected two nodes, KFD shows {nodes:?}");
    if !of_the_old {
        TREE.set(0, LIE)?;
    }
    nodes.retain(|node| old.contains(node) == of_the_old);
    let [liar] = nodes.as_slice() else {
        bail!("the old node is {old:?}, and the liar among {nodes:?}");
    };
    let liar = ("node", liar.as_str());

    let view = View::read()?;
    let lie = view.checks.one(&[gpu, ("verdict", "lie")])?;
    lie.expect(&[liar, ("rule", "hive-id"), ("observed", "0x7")])?;
    for report in [&view.gpus, &view.flags] {
        report.one(&[gpu])?.expect(&[("verdict", "lie"), liar])?;
    }
    view.heaps
        .one(&[gpu, liar])?
        .expect(&[("verdict", "lie")])?;
    view.heaps.one(&[gpu, ("verdict", "unknown")])?;
    expect_event(&ear, card.gpu(), "hive-id")?;
    expect_verdict(&view, &TREE.card(1)?, None)?;

    if of_the_old {
        TREE.control("drop slot=0")?;
        expect_verdict(&View::read()?, &TREE.card(0)?, None)?;
    } else {
        TREE.set(0, "hive_id=0")?;
        let view = View::read()?;
        view.checks.expect_none(&[("verdict", "lie")])?;
        view.gpus.one(&[gpu])?.expect(&[("verdict", "unknown")])?;
    }
    expect_no_more_events(&ear)?;
    TREE.remove(0)
}

fn expect_no_more_events(ear: &Uevents) -> Result<()> {
    let events = ear.new_of(guard::DEVPATH)?;
    ensure!(
        events.is_empty(),
        "expected no other uevent, seen {events:?}"
    );
    Ok(())
}
