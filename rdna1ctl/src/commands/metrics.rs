// SPDX-License-Identifier: GPL-2.0

//! `metrics`: Prometheus' text format, for a scraper or for node_exporter's textfile collector.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};
use prometheus::{Encoder as _, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};
use rdna1_records::Record;

use crate::cli::Metrics;
use crate::gain::{is_event, is_naming, kinds, numbers};
use crate::root::Root;
use crate::sources::module::Module;
use crate::sources::pages::{Pages, Source};

use super::{folder_of, print, WELL};

/// What a verdict can be.
const VERDICTS: [&str; 3] = ["truth", "lie", "unknown"];

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

/// Puts a file in its place whole: a collector may read it at any time.
fn put(file: &Path, text: &str) -> Result<()> {
    let whole = || -> Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(folder_of(file))?;
        new.write_all(text.as_bytes())?;
        // The collector is another user.
        let mode = std::fs::Permissions::from_mode(0o644);
        new.as_file().set_permissions(mode)?;
        new.persist(file)?;
        Ok(())
    };
    whole().with_context(|| format!("cannot write {}", file.display()))
}

fn text(module: &Module, pages: &Pages) -> Result<String> {
    let registry = Registry::new();
    about(&registry, module, pages)?;
    cards(&registry, pages)?;
    rules(&registry, pages)?;
    if let Some(counters) = &pages.counters {
        for (name, value) in counters.values() {
            let help = "Counted by the module since it was loaded; see docs/files.md.";
            let counter = counter(&registry, &format!("rdna1_{name}_total"), help, &[])?;
            counter.with_label_values::<&str>(&[]).inc_by(value);
        }
    }
    if let Some(requests) = &pages.requests {
        asked(&registry, requests)?;
    }
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(String::from_utf8(text)?)
}

fn gauge(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
    let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn counter(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
    let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn about(registry: &Registry, module: &Module, pages: &Pages) -> Result<()> {
    let info = gauge(
        registry,
        "rdna1ctl_info",
        "Who said what is here; always 1.",
        &["version", "source"],
    )?;
    let source = match pages.origin.source {
        Source::Module => "module",
        Source::KfdSysfs => "kfd-sysfs",
    };
    info.with_label_values(&[env!("CARGO_PKG_VERSION"), source])
        .set(1);
    let loaded = gauge(
        registry,
        "rdna1_module_loaded",
        "Whether the module is loaded.",
        &[],
    )?;
    loaded
        .with_label_values::<&str>(&[])
        .set(module.loaded.into());
    let cards = gauge(registry, "rdna1_cards", "0x731f cards on the PCI bus.", &[])?;
    cards
        .with_label_values::<&str>(&[])
        .set(i64::try_from(pages.gpus.len())?);
    Ok(())
}

fn cards(registry: &Registry, pages: &Pages) -> Result<()> {
    let verdict = gauge(
        registry,
        "rdna1_card_verdict",
        "1 for the verdict of the card, 0 for the others.",
        &["gpu", "verdict"],
    )?;
    let in_kfd = gauge(
        registry,
        "rdna1_card_in_kfd",
        "Whether KFD knows the card; absent where that is not known.",
        &["gpu"],
    )?;
    let atomics = gauge(
        registry,
        "rdna1_card_atomics",
        "Whether PCIe atomics get through; absent where that is not known.",
        &["gpu"],
    )?;
    let bar = gauge(registry, "rdna1_card_bar0_bytes", "Size of BAR0.", &["gpu"])?;
    for gpu in &pages.gpus {
        let name = gpu.get("gpu")?;
        for one in VERDICTS {
            let is = gpu.find("verdict") == Some(one);
            verdict.with_label_values(&[name, one]).set(is.into());
        }
        match gpu.find("kfd") {
            Some("present") => in_kfd.with_label_values(&[name]).set(1),
            Some("absent") => in_kfd.with_label_values(&[name]).set(0),
            _ => {}
        }
        match gpu.find("atomics") {
            Some("completer") => atomics.with_label_values(&[name]).set(1),
            Some("none") => atomics.with_label_values(&[name]).set(0),
            _ => {}
        }
        if let Some(bytes) = number(gpu, "bar0_bytes") {
            bar.with_label_values(&[name]).set(bytes);
        }
    }
    let size = gauge(
        registry,
        "rdna1_heap_size_bytes",
        "Size of a memory bank, as KFD prints it.",
        &["gpu", "bank", "heap"],
    )?;
    for heap in &pages.heaps {
        if let Some(bytes) = number(heap, "size_bytes") {
            size.with_label_values(&[heap.get("gpu")?, heap.get("bank")?, heap.get("heap")?])
                .set(bytes);
        }
    }
    Ok(())
}

fn rules(registry: &Registry, pages: &Pages) -> Result<()> {
    let verdict = gauge(
        registry,
        "rdna1_rule_verdict",
        "1 for the verdict of the rule, 0 for the others.",
        &["gpu", "bank", "rule", "verdict"],
    )?;
    for check in &pages.checks {
        for one in VERDICTS {
            let is = check.find("verdict") == Some(one);
            verdict
                .with_label_values(&[
                    check.get("gpu")?,
                    check.get("bank")?,
                    check.get("rule")?,
                    one,
                ])
                .set(is.into());
        }
    }
    Ok(())
}

fn number(record: &Record, key: &str) -> Option<i64> {
    record.find(key)?.parse().ok()
}

/// Keys of `requests` whose numbers do not only rise: settings and states.
const NO_COUNTS: [&str; 2] = ["errno", "kept"];

/// A family for each kind of record: the words are labels, and so is the name of the number.
fn asked(registry: &Registry, requests: &[Record]) -> Result<()> {
    for kind in kinds(requests) {
        let records = requests
            .iter()
            .filter(|one| one.find("record") == Some(kind));
        let records: Vec<_> = records.filter(|one| !is_event(one)).collect();
        let Some(first) = records.first().filter(|one| numbers(one).next().is_some()) else {
            continue;
        };
        let naming = first.pairs().map(|(key, _)| key);
        let naming: Vec<_> = naming
            .filter(|key| is_naming(key) && *key != "record")
            .collect();
        let labels: Vec<_> = naming.iter().copied().chain(["count"]).collect();
        let family = counter(
            registry,
            &format!("rdna1_requests_{kind}_total"),
            "What programs asked of KFD, counted at entry, failed requests included; see docs/files.md.",
            &labels,
        )?;
        for record in records {
            let values: Vec<_> = naming
                .iter()
                .map(|key| record.find(key).unwrap_or(""))
                .collect();
            for (key, value) in numbers(record).filter(|(key, _)| !NO_COUNTS.contains(key)) {
                let values: Vec<_> = values.iter().copied().chain([key]).collect();
                family.with_label_values(&values).inc_by(value);
            }
        }
    }
    Ok(())
}
