// SPDX-License-Identifier: GPL-2.0

//! Findings about the card's PCIe path and its BAR.

use rdna1_records::Record;

use crate::size::gib;
use crate::sources::Facts;

use super::place::IN_A_GUEST;
use super::{value, Finding, TRUTH};

pub(super) fn findings(facts: &Facts, gpu: &Record) -> Vec<Finding> {
    let mut found = vec![atomics(facts, gpu), bar(gpu)];
    found.extend(width(facts, gpu));
    if facts.place.virtual_machine.is_none() {
        return found;
    }
    // The slot and the bridges of a virtual machine are not real.
    let found = found.into_iter().map(|found| match found.id.as_str() {
        "atomics-none" | "bar-small" | "bar-partial" | "link-narrow" => found.advise(IN_A_GUEST),
        _ => found,
    });
    found.collect()
}

fn atomics(facts: &Facts, gpu: &Record) -> Finding {
    let keys = ["gpu", "atomics", "atomics_hop", "atomics_kfd", "mec_fw"];
    let evidence = |found: Finding| found.seen_in("gpus", gpu, &keys);
    match value(gpu, "atomics") {
        "completer" => evidence(Finding::good(
            "atomics",
            "PCIe atomics get through to the root port",
        )),
        "none" => {
            let hop = match value(gpu, "atomics_hop") {
                "?" => "the path to the card".to_owned(),
                hop => format!("the bridge {hop}"),
            };
            let found = Finding::note(
                "atomics-none",
                format!("PCIe atomics do not get through: {hop} refuses them"),
            );
            let found = evidence(found).advise(
                "programs that need atomics between CPU and card cannot work in this slot; another \
                 slot, on the CPU, may pass them",
            );
            match value(gpu, "atomics_kfd") {
                "tolerated" => {
                    found.advise("KFD accepted the card: its firmware works around most of that")
                }
                _ => found,
            }
        }
        _ if value(gpu, "power") == "asleep" => Finding::unseen(
            "card-asleep",
            "the card sleeps: rdna1ctl did not read its link and PCIe atomics, which would wake it",
        )
        .seen_in("gpus", gpu, &["gpu", "power"])
        .advise("to see them, run rdna1ctl doctor while a program uses the card"),
        _ if facts.is_root => evidence(Finding::unseen(
            "atomics-unknown",
            "unknown whether PCIe atomics get through",
        )),
        _ => evidence(Finding::unseen(
            "atomics-unknown",
            "only root can read whether PCIe atomics get through",
        ))
        .advise("sudo rdna1ctl doctor"),
    }
}

fn bar(gpu: &Record) -> Finding {
    let bytes = value(gpu, "bar0_bytes");
    let size = gib(bytes);
    let evidence = |found: Finding| found.seen_in("gpus", gpu, &["gpu", "bar", "bar0_bytes"]);
    let how =
        "turn on \"Above 4G Decoding\" and \"Resizable BAR\" (\"Smart Access Memory\") in the \
               firmware setup; amdgpu then resizes the BAR";
    match value(gpu, "bar") {
        "large" => evidence(Finding::good(
            "bar",
            format!("the CPU reaches all of VRAM (BAR0 is {size})"),
        )),
        "small" => evidence(Finding::note(
            "bar-small",
            format!(
                "the CPU reaches only {size} of VRAM: the BAR was not resized. That is no error"
            ),
        ))
        .advise(how),
        "partial" => evidence(Finding::note(
            "bar-partial",
            format!("the CPU reaches {size} of VRAM, not all of it"),
        ))
        .advise(how),
        _ => evidence(Finding::unseen(
            "bar-unknown",
            "unknown how much of VRAM the CPU reaches",
        )),
    }
}

/// The link's width. A low speed is not a problem: it falls when the card idles.
fn width(facts: &Facts, gpu: &Record) -> Option<Finding> {
    let number = |key: &str| value(gpu, key).parse::<u64>().ok().filter(|n| *n != 0);
    let on_bus = facts.gpus.iter().find(|one| one.gpu == value(gpu, "gpu"));
    let slot = on_bus.and_then(|one| one.slot_link.as_ref());
    let (now, most) = match slot {
        Some(slot) => (slot.width?, slot.width_max?),
        None => (number("link_width")?, number("link_width_max")?),
    };
    (now < most).then(|| {
        let found = Finding::note(
            "link-narrow",
            format!("the card's link has {now} lanes of {most}"),
        );
        let found = match slot {
            Some(slot) => found.seen(
                format!("/sys/bus/pci/devices/{}", slot.port),
                format!("current_link_width={now} max_link_width={most}"),
            ),
            None => found.seen_in("gpus", gpu, &["gpu", "link_width", "link_width_max"]),
        };
        found.advise(format!(
            "the slot may have fewer lanes, or share them, or the card may sit badly; {TRUTH} \
             section 7 explains the path"
        ))
    })
}
