// SPDX-License-Identifier: GPL-2.0

//! Findings about the verdicts of the rules on KFD's topology.

use rdna1_records::Record;

use crate::sources::pages::Source;
use crate::sources::Facts;

use super::unknown::{Cause, CLOSE_PROGRAMS, FIND_PROGRAMS};
use super::{Finding, MISMATCH, TRUTH};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let pages = &facts.pages;
    let mut found: Vec<_> = pages
        .checks_with(None, "lie")
        .map(|check| lie(facts, check))
        .collect();
    let addresses = pages.addresses().into_iter();
    found.extend(addresses.filter_map(|gpu| unknown(facts, gpu)));
    if found.is_empty() && !pages.checks.is_empty() {
        found.push(
            Finding::good(
                "verdicts",
                "KFD's topology matches the hardware, as far as the rules tell",
            )
            .seen(
                "checks",
                format!("{} verdicts, none a lie", pages.checks.len()),
            ),
        );
    }
    for note in &pages.origin.notes {
        if note.contains("may be a 0x731f card") {
            found.push(Finding::unseen("kfd-node-unreadable", note.clone()));
        }
    }
    found
}

/// The consequence for programs if that rule finds a lie.
fn meaning(rule: &str) -> &'static str {
    match rule {
        "gfx-version" => {
            "ROCm 6 goes by the device id while the claimed version is at most 10; programs that go by \
             the version pick code for another GPU: the instruction sets differ"
        }
        "pci-identity" => {
            "ROCm may take the card for another GPU, and pick code for that: the instruction sets differ"
        }
        "bank-flags" => {
            "ROCm ignores these flags, but only a modified driver sets them: the known patch of KFD \
             does, and may have changed more"
        }
        "hive-id" => {
            "the most serious mismatch: ROCr then offers fine-grained VRAM, which the card does not \
             have"
        }
        "xgmi" | "host-coherent" | "link-coherent" => {
            "programs may rely on CPU and card seeing each other's writes, and they do not"
        }
        "heap-type" | "bank-count" => {
            "ROCm may find no memory of the card, or no card at all, or its programs crash as they start"
        }
        "bank-size" => "programs may use memory that does not exist, or miss memory that does",
        "heap-bar" => "ROCm offers VRAM beyond the BAR to the CPU, which cannot reach it",
        _ => "the module's documents explain this rule",
    }
}

fn lie(facts: &Facts, check: &Record) -> Finding {
    let rule = check.find("rule").unwrap_or("?");
    let id = format!("lie-{rule}");
    let found = Finding::trouble(&id, format!("{MISMATCH} ({rule}): {}", meaning(rule)))
        .seen_in(
            "checks",
            check,
            &[
                "gpu", "node", "bank", "rule", "expected", "observed", "verdict",
            ],
        )
        .advise("run nothing that uses ROCm on this card until it matches again");
    let found = if facts.amdgpu.is_dkms() || !facts.amdgpu.traces.is_empty() {
        found.advise(
            "take the package's own driver back: sudo apt-get install --reinstall amdgpu-dkms, \
             then sudo update-initramfs -u -k all, reboot",
        )
    } else {
        found.advise(
            "take the distribution's own amdgpu back: reinstall the package that owns it (dpkg -S \
             '*/amdgpu.ko*'), rebuild the initramfs, reboot",
        )
    };
    let found = found.advise(format!("{TRUTH} section 3 shows each step"));
    if facts.pages.origin.source == Source::KfdSysfs {
        return found.advise(
            "rdna1ctl read this from KFD's sysfs; with the module loaded, sudo rdna1ctl checks reads \
             it from within the kernel",
        );
    }
    found
}

/// The finding about the rules that could not be judged for the card at that address, if any.
fn unknown(facts: &Facts, gpu: &str) -> Option<Finding> {
    let pages = &facts.pages;
    let keys = ["gpu", "node", "bank", "rule", "expected", "observed"];
    let mut checks = pages.checks_with(Some(gpu), "unknown").peekable();
    checks.peek()?;
    let cause = Cause::of(pages, gpu);
    let why = cause.map_or("some rules could not be judged", Cause::says);
    let found = Finding::unseen(
        "verdict-unknown",
        format!("unknown whether KFD's topology matches the card at {gpu}: {why}"),
    );
    let found = checks.fold(found, |found, check| found.seen_in("checks", check, &keys));
    let notes = pages.origin.notes.iter();
    let found = notes.fold(found, |found, note| found.seen("KFD", note));
    let again = "read again after a few seconds: amdgpu may be adding or removing the card";
    let found = match cause {
        Some(_) => found
            .advise(again)
            .advise(CLOSE_PROGRAMS)
            .advise(FIND_PROGRAMS),
        None => found.advise(again),
    };
    Some(found.advise(format!("{TRUTH} section 4 lists the causes")))
}
