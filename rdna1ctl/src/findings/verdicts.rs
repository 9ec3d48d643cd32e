// SPDX-License-Identifier: GPL-2.0

//! What the rules say.

use rdna1_records::Record;

use crate::sources::pages::Source;
use crate::sources::Facts;

use super::{Finding, TRUTH};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let checks = &facts.pages.checks;
    let mut found: Vec<_> = checks
        .iter()
        .filter(|check| check.find("verdict") == Some("lie"))
        .map(|check| lie(facts, check))
        .collect();
    let unknown: Vec<_> = checks
        .iter()
        .filter(|check| check.find("verdict") == Some("unknown"))
        .collect();
    if !unknown.is_empty() {
        found.push(unknowns(facts, &unknown));
    }
    if found.is_empty() && !checks.is_empty() {
        found.push(
            Finding::good(
                "verdicts",
                "what KFD says of the card is true, as far as the rules tell",
            )
            .seen("checks", format!("{} verdicts, none a lie", checks.len())),
        );
    }
    for note in &facts.pages.origin.notes {
        if note.contains("may be a 0x731f card") {
            found.push(Finding::unseen("kfd-node-unreadable", note.clone()));
        }
    }
    found
}

/// What a lie of that rule means for programs.
fn meaning(rule: &str) -> &'static str {
    match rule {
        "gfx-version" | "pci-identity" => {
            "programs pick code for another GPU: the instruction sets differ"
        }
        "bank-flags" => {
            "harmless by itself, but it is what the known patch of KFD wanted to announce: look what \
             else was changed"
        }
        "hive-id" => {
            "take this one most seriously: ROCr then offers fine-grained VRAM, which the card does \
             not have"
        }
        "xgmi" | "host-coherent" | "link-coherent" => {
            "programs may believe that CPU and card see each other's writes: they do not"
        }
        "heap-type" | "bank-count" | "bank-size" => {
            "programs may use memory that is not there, or not find what is"
        }
        "heap-bar" => "programs may let the CPU reach VRAM beyond the BAR",
        _ => "see the documents of the module for this rule",
    }
}

fn lie(facts: &Facts, check: &Record) -> Finding {
    let rule = check.find("rule").unwrap_or("?");
    let id = format!("lie-{rule}");
    let found = Finding::trouble(
        &id,
        format!(
            "KFD says something false about the card ({rule}): {}",
            meaning(rule)
        ),
    )
    .seen_in(
        "checks",
        check,
        &[
            "gpu", "node", "bank", "rule", "expected", "observed", "verdict",
        ],
    )
    .advise("run nothing that uses ROCm on this card until it is put right");
    let found = if facts.amdgpu.is_dkms() || !facts.amdgpu.traces.is_empty() {
        found.advise(
            "take the package's own driver back: sudo apt-get install --reinstall amdgpu-dkms, \
             then sudo update-initramfs -u -k all, reboot",
        )
    } else {
        found.advise(
            "take the distribution's own amdgpu back: reinstall the package that owns it (dpkg -S \
             '*/amdgpu.ko*'), make the initramfs anew, reboot",
        )
    };
    let found = found.advise(format!("{TRUTH} section 3 goes through it step by step"));
    if facts.pages.origin.source == Source::KfdSysfs {
        return found.advise(
            "this was read from KFD's sysfs; with the module loaded, sudo rdna1ctl checks looks from \
             within the kernel",
        );
    }
    found
}

fn unknowns(facts: &Facts, unknown: &[&Record]) -> Finding {
    let found = Finding::unseen(
        "verdict-unknown",
        "some rules could not be judged: that is no lie, and not the truth",
    );
    let keys = ["gpu", "bank", "rule", "expected", "observed"];
    let found = unknown
        .iter()
        .fold(found, |found, check| found.seen_in("checks", check, &keys));
    let notes = facts.pages.origin.notes.iter();
    let found = notes.fold(found, |found, note| found.seen("KFD", note));
    found
        .advise("read again after a few seconds: KFD may just be adding the card")
        .advise(format!("{TRUTH} section 4 lists the causes"))
}
