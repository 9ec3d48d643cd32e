// SPDX-License-Identifier: GPL-2.0

//! Findings about the card: on the PCI bus, its driver, and in KFD.

use rdna1_records::Record;

use crate::sources::log::Line;
use crate::sources::Facts;

use super::place::{under_wsl, IN_A_GUEST};
use super::unknown::{CLOSE_PROGRAMS, FIND_PROGRAMS};
use super::{path, value, Finding};

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
        found.extend(path::findings(facts, gpu));
    }
    found
}

fn no_card(facts: &Facts) -> Finding {
    if facts.place.wsl {
        return under_wsl(facts);
    }
    let found = Finding::trouble("no-card", "there is no 0x731f card on the PCI bus");
    if facts.gpus.is_empty() {
        return found
            .seen("/sys/bus/pci/devices", "no display controller of AMD's")
            .advise(match (&facts.place.virtual_machine, facts.place.container) {
                (_, Some(_)) => "lspci -nn | grep 1002 outside the container must show it",
                (Some(_), None) => "pass the card through to this virtual machine (vfio-pci); on the host, lspci -nnk -d 1002: must show vfio-pci as its driver. lspci -nn | grep 1002 must then show it here",
                (None, None) => "lspci -nn | grep 1002 must show it; if not, check the slot, the power plugs and the firmware setup",
            });
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
        // Only amdgpu makes KFD list a card. It keeps the node while a program holds the render
        // node, so loading a driver does not help.
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
        let found = found.seen("/sys/module/amdgpu", "is there").advise(
            "amdgpu is loaded and did not take the card: sudo dmesg | grep -i amdgpu shows why",
        );
        return match facts.place.virtual_machine {
            Some(_) => found.advise(IN_A_GUEST).advise(
                "a Navi10 does not always reset between two guests: switch the host off and on, or try \
                 the module vendor-reset there",
            ),
            None => found,
        };
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

/// KFD's messages about a card that it rejects (`kgd2kfd_probe()`, `kgd2kfd_device_init()`).
fn is_left_out(text: &str) -> bool {
    let words = [
        "skipped device 1002:731f",
        "device 1002:731f NOT added",
        "DID 731f is missing",
    ];
    words.iter().any(|words| text.contains(words))
}

fn absent(facts: &Facts, gpu: &Record) -> Finding {
    let found = |why: &str| {
        let says = format!("KFD does not list the card, so no ROCm program can use it: {why}");
        let found = Finding::trouble("kfd-absent", says);
        let lines = facts
            .log
            .lines
            .iter()
            .filter(|line| is_left_out(&line.text));
        lines.fold(found, |found, line| found.seen("kernel log", &line.text))
    };
    match value(gpu, "reason") {
        "no-driver" => found("no driver is bound to it").advise("see driver-none"),
        "not-amdgpu" => found("another driver than amdgpu is bound to it").advise("see driver-other"),
        "no-kfd" => {
            if let Some(why) = facts.kfd_hidden {
                return hidden(why);
            }
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
        // The core names atomics as the reason only if it knows the firmware's version.
        _ if value(gpu, "atomics") == "none" && value(gpu, "mec_fw") == "?" => without_atomics(
            found("the PCIe path refuses atomics, which takes MEC firmware 145 or newer, and the version of the firmware is unknown"),
            gpu,
        ),
        _ => found("the reason is unknown")
            .advise("sudo dmesg | grep -iE 'amdgpu|kfd' may show it"),
    }
}

/// The finding for a hidden topology, which says nothing about the card.
fn hidden(why: &str) -> Finding {
    Finding::unseen(
        "kfd-hidden",
        format!("unknown whether KFD lists the card: {why}"),
    )
    .seen("/sys/class/kfd/kfd/topology", "is not there")
    .advise("run rdna1ctl outside of the container or sandbox; or let it show /sys, read-only")
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
