// SPDX-License-Identifier: GPL-2.0

//! The card: on the bus, its driver, in KFD, its path and its BAR.

use rdna1_records::Record;

use crate::sources::log::Line;
use crate::sources::Facts;
use crate::words::gib;

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
            .advise("lspci -nn | grep 1002 must show it; if not, look at the slot, its power plugs and the firmware setup");
    }
    let found = facts.gpus.iter().fold(found, |found, gpu| {
        found.seen(
            format!("/sys/bus/pci/devices/{}", gpu.gpu),
            format!("1002:{}", gpu.device.trim_start_matches("0x")),
        )
    });
    found.advise(
        "this project knows the RX 5600 XT, 5700 and 5700 XT (1002:731f) alone, and says nothing \
         about other cards",
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
            Finding::unseen("driver", "which driver has the card is not to be seen").seen(from, "?")
        }
        // Only a driver makes KFD know a card: what is seen here does not fit together.
        "-" if value(gpu, "kfd") == "present" => Finding::note(
            "driver-unclear",
            "KFD knows the card, and yet no driver has it: it may just be coming or going",
        )
        .seen(from, "none")
        .seen_in("gpus", gpu, &["gpu", "kfd", "node"])
        .advise("look again after a few seconds; if that stays so: sudo dmesg | grep -i amdgpu"),
        "-" => no_driver(facts, from),
        other => Finding::trouble(
            "driver-other",
            format!("{other} has the card, not amdgpu: KFD cannot know it"),
        )
        .seen(from, other)
        .advise(format!(
            "if it is not meant for a virtual machine: take its ids out of the options of {other} \
             (/etc/modprobe.d, the kernel's command line), make the initramfs anew, reboot"
        )),
    }
}

fn no_driver(facts: &Facts, from: String) -> Finding {
    let kernel = &facts.kernel;
    let mut found = Finding::trouble("driver-none", "no driver has the card").seen(from, "none");
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
            "amdgpu is loaded and did not take the card: sudo dmesg | grep -i amdgpu says why",
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
            .advise("this kernel came without amdgpu: boot the distribution's full kernel (on Debian linux-image-amd64, not -cloud-)"),
    }
}

fn is_failure(text: &str) -> bool {
    ["failed", "Fatal", "error", "*ERROR*"]
        .iter()
        .any(|word| text.contains(word))
}

fn in_kfd(facts: &Facts, gpu: &Record) -> Finding {
    let evidence = |found: Finding| found.seen_in("gpus", gpu, &["gpu", "kfd", "reason", "node"]);
    match value(gpu, "kfd") {
        "present" => evidence(Finding::good(
            "kfd",
            format!("KFD knows the card as node {}", value(gpu, "node")),
        )),
        "absent" => evidence(absent(facts, gpu)),
        _ => evidence(Finding::unseen(
            "kfd-unreadable",
            "whether KFD knows the card could not be found out",
        ))
        .advise("read again after a few seconds; from outside the container, if this is one"),
    }
}

fn absent(facts: &Facts, gpu: &Record) -> Finding {
    let found = |says: &str| {
        let found = Finding::trouble("kfd-absent", format!("KFD does not know the card: {says}"));
        let lines = log_lines(facts, &["skipped device 1002:731f"]);
        lines.fold(found, |found, line| found.seen("kernel log", &line.text))
    };
    match value(gpu, "reason") {
        "no-driver" => found("it has no driver").advise("see driver-none"),
        "not-amdgpu" => found("another driver than amdgpu has it").advise("see driver-other"),
        "no-kfd" => {
            let built = facts.kernel.has("HSA_AMD") == Some(false);
            let found = found("there is no KFD").seen("/sys/class/kfd/kfd/topology", "is not there");
            let found = match (&facts.kernel.config, built) {
                (Some((path, _)), true) => found.seen(path, "CONFIG_HSA_AMD is not set"),
                _ => found,
            };
            found.advise("boot a kernel whose amdgpu is built with CONFIG_HSA_AMD=y: distributions' kernels are")
        }
        "atomics" => found("the way to the card refuses PCIe atomics, and its firmware is too old to do without")
            .seen_in("gpus", gpu, &["atomics", "atomics_hop"])
            .advise("sudo dmesg | grep 'PCI rejects atomics' shows both firmware versions: the second is what is needed")
            .advise("update the firmware (linux-firmware; on Debian firmware-amd-graphics from backports), then sudo update-initramfs -u -k all, reboot")
            .advise(format!("or put the card into a slot that hangs on the CPU, not on the bridge {}", value(gpu, "atomics_hop"))),
        _ => found("why is not to be seen").advise("sudo dmesg | grep -iE 'amdgpu|kfd' may say why"),
    }
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
                "?" => "the way to the card".to_owned(),
                hop => format!("the bridge {hop}"),
            };
            let found = Finding::note(
                "atomics-none",
                format!("PCIe atomics do not get through: {hop} refuses them"),
            );
            let found = evidence(found).advise(
                "programs that need atomics between CPU and card cannot work in this slot; another \
                 slot, on the CPU, may carry them",
            );
            match value(gpu, "atomics_kfd") {
                "tolerated" => found
                    .advise("KFD took the card all the same: its firmware makes up for most of it"),
                _ => found,
            }
        }
        _ if facts.is_root => evidence(Finding::unseen(
            "atomics-unknown",
            "whether PCIe atomics get through is not to be seen",
        )),
        _ => evidence(Finding::unseen(
            "atomics-unknown",
            "whether PCIe atomics get through is for root alone to see",
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
               firmware setup; amdgpu then resizes the BAR by itself";
    match value(gpu, "bar") {
        "large" => evidence(Finding::good(
            "bar",
            format!("the CPU reaches all of VRAM (BAR0 is {size})"),
        )),
        "small" => evidence(Finding::note(
            "bar-small",
            format!(
                "the CPU reaches {size} of VRAM alone: the BAR was not resized. That is no error"
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
            "how much of VRAM the CPU reaches is not to be seen",
        )),
    }
}

/// The speed falls when the card idles; the width does not.
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
            "the slot may have no more lanes, share them, or the card may sit badly; {TRUTH} \
             section 7 has more on the path"
        ))
    })
}
