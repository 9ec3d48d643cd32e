// SPDX-License-Identifier: GPL-2.0

//! `metrics`: Prometheus' text format, for a scraper or for node_exporter's textfile collector.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};
use rdna1_records::{Counters, Record};

use crate::cli::Metrics;
use crate::exposition::{self, Family, Kind};
use crate::root::Root;
use crate::sources::module::Module;
use crate::sources::pages::{Pages, Source, VERDICTS};

use super::{folder_of, print, WELL};

pub(super) fn metrics(root: &Root, how: &Metrics) -> Result<u8> {
    let module = Module::read(root);
    let pages = Pages::read(root, &module)?;
    let text = text(&module, &pages)?;
    match &how.output {
        Some(file) => put(file, &text)?,
        None => print(&text)?,
    }
    Ok(WELL)
}

/// Replaces the file in one step, because a collector may read it at any time.
fn put(file: &Path, text: &str) -> Result<()> {
    let whole = || -> Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(folder_of(file))?;
        new.write_all(text.as_bytes())?;
        // The collector runs as another user, and must be able to read the file.
        let mode = std::fs::Permissions::from_mode(0o644);
        new.as_file().set_permissions(mode)?;
        new.persist(file)?;
        Ok(())
    };
    whole().with_context(|| format!("cannot write {}", file.display()))
}

fn text(module: &Module, pages: &Pages) -> Result<String> {
    let mut families = about(module, pages)?;
    families.extend(cards(pages)?);
    families.push(heaps(pages)?);
    families.push(rules(pages)?);
    for (name, value) in pages.counters.iter().flat_map(Counters::values) {
        let help = "Counted by the module since it was loaded; see docs/files.md.";
        let name = format!("rdna1_{name}_total");
        families.push(single(Kind::Counter, &name, help, value)?);
    }
    exposition::text(&families)
}

fn single(kind: Kind, name: &str, help: &'static str, number: u64) -> Result<Family> {
    let mut family = Family::new(kind, name, help, &[])?;
    family.add(&[], number)?;
    Ok(family)
}

fn about(module: &Module, pages: &Pages) -> Result<Vec<Family>> {
    let mut info = Family::new(
        Kind::Gauge,
        "rdna1ctl_info",
        "The source of these metrics; always 1.",
        &["version", "source"],
    )?;
    let source = match pages.origin.source {
        Source::Module => "module",
        Source::KfdSysfs => "kfd-sysfs",
    };
    info.add(&[env!("CARGO_PKG_VERSION"), source], 1)?;
    let loaded = single(
        Kind::Gauge,
        "rdna1_module_loaded",
        "Whether the module is loaded.",
        module.loaded.into(),
    )?;
    let cards = single(
        Kind::Gauge,
        "rdna1_cards",
        "0x731f cards on the PCI bus.",
        u64::try_from(pages.gpus.len())?,
    )?;
    Ok(vec![info, loaded, cards])
}

fn cards(pages: &Pages) -> Result<[Family; 6]> {
    let mut verdict = Family::new(
        Kind::Gauge,
        "rdna1_card_verdict",
        "1 for the worst verdict over all KFD nodes of the card, 0 for the others.",
        &["gpu", "verdict"],
    )?;
    for gpu in pages.addresses() {
        let worst = pages.verdict_of(gpu);
        for one in VERDICTS {
            verdict.add(&[gpu, one], (worst == Some(one)).into())?;
        }
    }
    let mut in_kfd = Family::new(
        Kind::Gauge,
        "rdna1_card_in_kfd",
        "Whether KFD lists the card; absent where that is unknown.",
        &["gpu"],
    )?;
    let mut atomics = Family::new(
        Kind::Gauge,
        "rdna1_card_atomics",
        "Whether PCIe atomics get through; absent where that is unknown.",
        &["gpu"],
    )?;
    let mut bar = Family::new(
        Kind::Gauge,
        "rdna1_card_bar0_bytes",
        "Size of BAR0; absent where it is unknown.",
        &["gpu"],
    )?;
    let mut vram = Family::new(
        Kind::Gauge,
        "rdna1_card_vram_bytes",
        "All VRAM that amdgpu found; absent where it is unknown.",
        &["gpu"],
    )?;
    let mut asleep = Family::new(
        Kind::Gauge,
        "rdna1_card_asleep",
        "Whether the card is runtime-suspended; absent where that is unknown.",
        &["gpu"],
    )?;
    for gpu in &pages.gpus {
        let name = gpu.get("gpu")?;
        match gpu.find("kfd") {
            Some("present") => in_kfd.add(&[name], 1)?,
            Some("absent") => in_kfd.add(&[name], 0)?,
            _ => {}
        }
        match gpu.find("atomics") {
            Some("completer") => atomics.add(&[name], 1)?,
            Some("none") => atomics.add(&[name], 0)?,
            _ => {}
        }
        if let Some(bytes) = number(gpu, "bar0_bytes") {
            bar.add(&[name], bytes)?;
        }
        if let Some(bytes) = number(gpu, "vram_total_bytes") {
            vram.add(&[name], bytes)?;
        }
        match gpu.find("power") {
            Some("asleep") => asleep.add(&[name], 1)?,
            Some("active") => asleep.add(&[name], 0)?,
            _ => {}
        }
    }
    Ok([verdict, in_kfd, atomics, bar, vram, asleep])
}

fn heaps(pages: &Pages) -> Result<Family> {
    let mut size = Family::new(
        Kind::Gauge,
        "rdna1_heap_size_bytes",
        "Size of a memory bank, as KFD prints it.",
        &["gpu", "node", "bank", "heap"],
    )?;
    for heap in &pages.heaps {
        if let Some(bytes) = number(heap, "size_bytes") {
            let labels = [
                heap.get("gpu")?,
                heap.get("node")?,
                heap.get("bank")?,
                heap.get("heap")?,
            ];
            size.add(&labels, bytes)?;
        }
    }
    Ok(size)
}

fn rules(pages: &Pages) -> Result<Family> {
    let mut verdict = Family::new(
        Kind::Gauge,
        "rdna1_rule_verdict",
        "1 for the verdict of the rule, 0 for the others.",
        &["gpu", "node", "bank", "rule", "verdict"],
    )?;
    for check in &pages.checks {
        let (gpu, node) = (check.get("gpu")?, check.get("node")?);
        let (bank, rule) = (check.get("bank")?, check.get("rule")?);
        for one in VERDICTS {
            let is = check.find("verdict") == Some(one);
            verdict.add(&[gpu, node, bank, rule, one], is.into())?;
        }
    }
    Ok(verdict)
}

fn number(record: &Record, key: &str) -> Option<u64> {
    record.find(key)?.parse().ok()
}
