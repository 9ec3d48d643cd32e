// SPDX-License-Identifier: GPL-2.0

//! The card: on the PCI bus, its driver, in KFD, its PCIe path and its BAR.

use rdna1_records::Record;

use crate::sources::log::Line;
use crate::sources::Facts;
use crate::words::gib;

use super::unknown::{CLOSE_PROGRAMS, FIND_PROGRAMS};
use super::{Finding, TRUTH};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    if facts.pages.gpus.is_empty() {
        return vec![no_card(facts)];
    }
    let mut found = Vec::new();
    for gpu in &facts.pages.gpus {
        let name = |record: &Record| record.find("gpu").unwrap_or("?").to_owned();
        found.push(
            Finding::good("card", format!("a 0x731f card is at {}", name(gpu))).seen_in(
                "gpus",
                gpu,
                &["gpu", "board", "revision", "subsystem"],
            ),
        );
        found.push(driver(facts, gpu));
        found.push(in_kfd(facts, gpu));
        found.push(atomics(facts, gpu));
        found.push(bar(gpu));
        found.extend(width(facts, gpu));
    }
    found
}

fn value<'a>(record: &'a Record, key: &str) -> &'a str {
    record.find(key).unwrap_or("?")
}

fn no_card(facts: &Facts) -> Finding {
    let found = Finding::trouble("no-card", "there is no 0x731f card on the PCI bus");
    if facts.gpus.is_empty() {
        return found
            .seen("/sys/bus/pci/devices", "no display controller of AMD's")
            .advise("lspci -nn | grep 1002 must show it; if not, check the slot, the power plugs and the firmware setup");
    }
    let found = facts.gpus.iter().fold(found, |found, gpu| {
        found.seen(
            format!("/sys/bus/pci/devices/{}", gpu.gpu),
            format!("1002:{}", gpu.device.trim_start_matches("0x")),
        )
    });
    found.advise(
        "this project covers only the RX 5600 XT, 5700 and 5700 XT (1002:731f), and makes no \
         statement about other cards",
    )
}

fn log_lines<'a>(facts: &'a Facts, words: &'a [&'a str]) -> impl Iterator<Item = &'a Line> + 'a {
    let lines = facts.log.lines.iter();
    lines.filter(move |line| words.iter().all(|word| line.text.contains(word)))
}

fn driver(facts: &Facts, gpu: &Record) -> Finding {
    let address = value(gpu, "gpu");
    let from = format!("/sys/bus/pci/devices/{address}/driver");
    match value(gpu, "driver") {
        "amdgpu" => Finding::good("driver", "amdgpu drives the card").seen(from, "amdgpu"),
        "?" => {
            Finding::unseen("driver", "unknown which driver is bound to the card").seen(from, "?")
        }
        // Only amdgpu makes KFD list a card, and it keeps the node while a program holds the render
        // node: loading a driver is no remedy.
        "-" if value(gpu, "kfd") == "present" => Finding::note(
            "driver-unclear",
            "KFD lists the card, and no driver is bound: amdgpu was unbound while a program held the \
             card's render node, or is being bound now",
        )
        .seen(from, "none")
        .seen_in("gpus", gpu, &["gpu", "kfd", "node"])
        .advise("look again after a few seconds: amdgpu may be adding or removing the card")
        .advise(CLOSE_PROGRAMS)
        .advise(FIND_PROGRAMS)
        .advise("sudo dmesg | grep -i amdgpu shows what amdgpu did"),
        "-" => no_driver(facts, from),
        other => Finding::trouble(
            "driver-other",
            format!("{other} drives the card, not amdgpu: ROCm cannot use it"),
        )
        .seen(from, other)
        .advise(format!(
            "unless the card is meant for a virtual machine: remove its ids from the options of \
             {other} (/etc/modprobe.d, the kernel's command line), rebuild the initramfs, reboot"
        )),
    }
}

fn no_driver(facts: &Facts, from: String) -> Finding {
    let kernel = &facts.kernel;
    let mut found =
        Finding::trouble("driver-none", "no driver is bound to the card").seen(from, "none");
    let words = kernel.command_line.iter().filter(|word| {
        *word == "nomodeset"
            || (word.starts_with("modprobe.blacklist=") || word.starts_with("module_blacklist="))
                && word.contains("amdgpu")
    });
    let words: Vec<_> = words.cloned().collect();
    if !words.is_empty() {
        return found
            .seen("/proc/cmdline", words.join(" "))
            .advise(format!("boot without {}", words.join(" ")));
    }
    if facts.amdgpu.loaded {
        for line in log_lines(facts, &["amdgpu"]).filter(|line| is_failure(&line.text)) {
            found = found.seen("kernel log", &line.text);
        }
        return found.seen("/sys/module/amdgpu", "is there").advise(
            "amdgpu is loaded and did not take the card: sudo dmesg | grep -i amdgpu shows why",
        );
    }
    let found = found.seen("/sys/module/amdgpu", "is not there");
    let list = format!("/lib/modules/{}/modules.dep", kernel.release);
    match &facts.amdgpu.file {
        Some(_) => found.advise("sudo modprobe amdgpu; sudo dmesg | grep -i amdgpu"),
        None if !facts.kernel.has_modules => found
            .seen(list, "is not there: which modules this kernel has is not known")
            .advise("sudo modprobe amdgpu; sudo dmesg | grep -i amdgpu")
            .advise("if there is no such module: reinstall this kernel's package, or boot another kernel"),
        None => found
            .seen(list, "no amdgpu.ko")
            .advise("this kernel has no amdgpu: boot the distribution's full kernel (on Debian linux-image-amd64, not -cloud-)"),
    }
}

fn is_failure(text: &str) -> bool {
    ["failed", "Fatal", "error", "*ERROR*"]
        .iter()
        .any(|word| text.contains(word))
}

fn in_kfd(facts: &Facts, gpu: &Record) -> Finding {
    let keys = ["gpu", "kfd", "reason", "node", "verdict"];
    let evidence = |found: Finding| found.seen_in("gpus", gpu, &keys);
    match value(gpu, "kfd") {
        "present" => match facts.pages.nodes_of(value(gpu, "gpu")).as_slice() {
            nodes @ [_, _, ..] => evidence(Finding::note(
                "kfd-several-nodes",
                format!(
                    "KFD lists the card {} times, as nodes {}: programs may find more cards than \
                     there are",
                    nodes.len(),
                    listed(nodes)
                ),
            ))
            .advise("see verdict-unknown"),
            _ => evidence(Finding::good(
                "kfd",
                format!("KFD lists the card as node {}", value(gpu, "node")),
            )),
        },
        "absent" => evidence(absent(facts, gpu)),
        _ => evidence(Finding::unseen(
            "kfd-unreadable",
            "unknown whether KFD lists the card",
        ))
        .advise("read again after a few seconds; if this is a container, read from outside"),
    }
}

fn absent(facts: &Facts, gpu: &Record) -> Finding {
    let found = |why: &str| {
        let says = format!("KFD does not list the card, so no ROCm program can use it: {why}");
        let found = Finding::trouble("kfd-absent", says);
        let lines = log_lines(facts, &["skipped device 1002:731f"]);
        lines.fold(found, |found, line| found.seen("kernel log", &line.text))
    };
    match value(gpu, "reason") {
        "no-driver" => found("no driver is bound to it").advise("see driver-none"),
        "not-amdgpu" => found("another driver than amdgpu is bound to it").advise("see driver-other"),
        "no-kfd" => {
            let built = facts.kernel.has("HSA_AMD") == Some(false);
            let found = found("there is no KFD").seen("/sys/class/kfd/kfd/topology", "is not there");
            let found = match (&facts.kernel.config, built) {
                (Some((path, _)), true) => found.seen(path, "CONFIG_HSA_AMD is not set"),
                _ => found,
            };
            found.advise("boot a kernel whose amdgpu is built with CONFIG_HSA_AMD=y: distributions' kernels are")
        }
        "atomics" => without_atomics(
            found("the PCIe path refuses atomics, and its MEC firmware is older than 145, the first that works without them"),
            gpu,
        ),
        // The core names atomics only where it knows the firmware's version.
        _ if value(gpu, "atomics") == "none" && value(gpu, "mec_fw") == "?" => without_atomics(
            found("the PCIe path refuses atomics, which takes MEC firmware 145 or newer, and the version of the firmware is unknown"),
            gpu,
        ),
        _ => found("the reason is unknown")
            .advise("sudo dmesg | grep -iE 'amdgpu|kfd' may show it"),
    }
}

fn without_atomics(found: Finding, gpu: &Record) -> Finding {
    found
        .seen_in("gpus", gpu, &["atomics", "atomics_hop", "mec_fw"])
        .advise("sudo dmesg | grep 'PCI rejects atomics' shows two firmware versions: the loaded and the required one")
        .advise("update the firmware (linux-firmware; on Debian firmware-amd-graphics from backports), then sudo update-initramfs -u -k all, reboot")
        .advise(format!("or move the card to a slot on the CPU, not behind the bridge {}", value(gpu, "atomics_hop")))
}

fn listed(nodes: &[u32]) -> String {
    let nodes: Vec<_> = nodes.iter().map(u32::to_string).collect();
    nodes.join(", ")
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

/// The link's width. Its speed is no sign of trouble: it falls when the card idles.
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
