// SPDX-License-Identifier: GPL-2.0

//! Checks the module's report of an honest machine against the expected state of the devices and
//! against KFD's own files.

use anyhow::{ensure, Result};

use super::model::{Device, Placed, Standing};
use crate::kfd;
use crate::report::Report;
use crate::truth::{rules, View};

/// Rules that compare a node with its PCI function or with amdgpu.
const COMPARING: [&str; 3] = ["pci-identity", "bank-size", "heap-bar"];
const LINK: &str = "link-coherent";

/// Demands that no file reports a lie, and that each card has the verdict of its standing. Returns
/// notes.
pub fn expect_honest(view: &View, devices: &[&Placed]) -> Result<Vec<String>> {
    for report in all(view) {
        report.expect_none(&[("verdict", "lie")])?;
    }
    expect_only_cards(view, devices)?;
    let mut notes = Vec::new();
    let cards = devices.iter().filter(|placed| placed.device.is_card);
    let held = cards.clone().any(|placed| placed.device.held);
    for placed in cards {
        match placed.device.standing() {
            // A held node may not show its card yet, so it may also belong to a card without one.
            Standing::Held => expect_not_judged(view, &placed.gpu)?,
            Standing::NotInKfd if held => expect_not_judged(view, &placed.gpu)?,
            standing => expect_card(view, placed, standing, &mut notes)?,
        }
    }
    Ok(notes)
}

fn all(view: &View) -> [&Report; 4] {
    [&view.gpus, &view.heaps, &view.flags, &view.checks]
}

/// Demands that no record is about another GPU.
fn expect_only_cards(view: &View, devices: &[&Placed]) -> Result<()> {
    let cards: Vec<_> = devices.iter().filter(|p| p.device.is_card).collect();
    // KFD still prints zeros for the PCI address of a held card.
    let held = cards.iter().any(|placed| placed.device.held);
    for report in all(view) {
        for record in &report.records {
            let gpu = record.get("gpu")?;
            let known = cards.iter().any(|placed| placed.gpu == gpu);
            ensure!(
                known || held && ["?", "0000:00:00.0"].contains(&gpu),
                "{gpu} is no Navi10 of this machine:\n{}",
                report.text
            );
        }
    }
    Ok(())
}

fn expect_card(
    view: &View,
    placed: &Placed,
    standing: Standing,
    notes: &mut Vec<String>,
) -> Result<()> {
    let (device, gpu) = (&placed.device, placed.gpu.as_str());
    let nodes = kfd::nodes_at(gpu)?;
    ensure!(
        nodes.len() == device.nodes(),
        "{gpu}: the fixture has made {} nodes, KFD shows {nodes:?}",
        device.nodes()
    );
    let mut unfilled = false;
    for node in &nodes {
        unfilled |= expect_node(view, gpu, node, standing)?;
    }
    if unfilled {
        notes.push("KFD itself has not filled the flags of a CPU's link to a card".to_owned());
    }
    let verdict = match standing {
        Standing::Known if !unfilled => "truth",
        Standing::NotInKfd => "unjudged",
        _ => "unknown",
    };
    expect_gpu(view, placed, verdict)?;
    // A card without a node has a record in `flags` and none in `heaps`.
    for (report, count) in [(&view.heaps, nodes.len()), (&view.flags, 1)] {
        let records = report.select(&[("gpu", gpu)]);
        let alike = report.select(&[("gpu", gpu), ("verdict", verdict)]);
        let count = if standing == Standing::Nowhere {
            0
        } else {
            count
        };
        ensure!(
            records.len() == count && alike.len() == count,
            "{gpu}: expected {count} records, all {verdict}\n{}",
            report.text
        );
    }
    Ok(())
}

/// Demands a node's verdicts. Returns whether KFD left a CPU link's flags unfilled.
fn expect_node(view: &View, gpu: &str, node: &str, standing: Standing) -> Result<bool> {
    let links = kfd::links_from_cpus(node)?;
    let unfilled = links.contains(&0);
    let judged = rules().filter(|rule| *rule != LINK || !links.is_empty());
    let mut count = 0;
    for rule in judged {
        let comparing = COMPARING.contains(&rule);
        let verdict = match standing {
            Standing::Gone => "unknown",
            Standing::NotComparable if comparing => "unknown",
            _ if rule == LINK && unfilled => "unknown",
            _ => "truth",
        };
        let check = view
            .checks
            .one(&[("gpu", gpu), ("node", node), ("rule", rule)])?;
        check.expect(&[("verdict", verdict)])?;
        count += 1;
    }
    let seen = view.checks.select(&[("gpu", gpu), ("node", node)]).len();
    ensure!(
        seen == count,
        "checks: expected {count} records of node {node}, seen {seen}\n{}",
        view.checks.text
    );
    Ok(unfilled)
}

/// Demands one record in `gpus` if the function is on the bus, and none otherwise.
fn expect_gpu(view: &View, placed: &Placed, verdict: &str) -> Result<()> {
    let Placed { device, gpu } = placed;
    if !device.present {
        return view.gpus.expect_none(&[("gpu", gpu)]);
    }
    let record = view.gpus.one(&[("gpu", gpu)])?;
    let in_kfd = device.nodes() > 0;
    record.expect(&[
        ("verdict", verdict),
        ("driver", if device.bound { "amdgpu" } else { "-" }),
        ("kfd", if in_kfd { "present" } else { "absent" }),
        ("power", power(device)),
    ])
}

fn power(device: &Device) -> &'static str {
    if device.asleep {
        "asleep"
    } else {
        "active"
    }
}

/// Demands that no file reports the truth of a card, which is still in `gpus`.
fn expect_not_judged(view: &View, gpu: &str) -> Result<()> {
    for report in all(view) {
        report.expect_none(&[("gpu", gpu), ("verdict", "truth")])?;
    }
    view.gpus.one(&[("gpu", gpu)]).map(drop)
}
