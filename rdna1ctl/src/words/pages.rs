// SPDX-License-Identifier: GPL-2.0

//! Prints the module's files as tables.

use rdna1_records::{Counters, Record};

use crate::size::gib;
use crate::sources::pages::{Origin, Source};

use super::paper::{bold, TextWriter};
use super::safe;

/// Writes the source of the facts, and why it is not the module.
pub fn origin(paper: &mut TextWriter, origin: &Origin) {
    match (origin.source, &origin.why) {
        (Source::Module, _) => paper.paragraph("", "Read from the module rdna1_kfd_guard."),
        (Source::KfdSysfs, why) => {
            let why = why.as_deref().unwrap_or("the module was not read");
            paper.paragraph(
                "",
                &format!("Read from KFD's sysfs with the module's own code, because {why}."),
            );
        }
    }
    for note in &origin.notes {
        paper.paragraph("- ", &safe(note));
    }
}

fn cell(record: &Record, key: &str) -> String {
    record.find(key).unwrap_or("").to_owned()
}

fn no_card(paper: &mut TextWriter) {
    paper.line("There is no 0x731f card here.");
}

/// `heaps`.
pub fn heaps(paper: &mut TextWriter, heaps: &[Record]) {
    if heaps.is_empty() {
        paper.paragraph("", "KFD lists no memory bank of a 0x731f card.");
        return;
    }
    let rows: Vec<_> = heaps
        .iter()
        .map(|heap| {
            vec![
                cell(heap, "gpu"),
                cell(heap, "node"),
                cell(heap, "bank"),
                cell(heap, "heap"),
                gib(heap.find("size_bytes").unwrap_or("?")),
                cell(heap, "width_bits"),
                cell(heap, "flags"),
                cell(heap, "verdict"),
                cell(heap, "rules"),
            ]
        })
        .collect();
    paper.table(
        &[
            "GPU", "NODE", "BANK", "HEAP", "SIZE", "BITS", "FLAGS", "VERDICT", "RULES",
        ],
        &rows,
    );
    paper.gap();
    if heaps
        .iter()
        .any(|heap| heap.find("coarse_grained_only") == Some("1"))
    {
        paper.paragraph(
            "",
            "This VRAM is coarse-grained only, never fine-grained, whatever KFD says.",
        );
    }
}

/// `checks`.
pub fn checks(paper: &mut TextWriter, checks: &[Record]) {
    if checks.is_empty() {
        paper.paragraph("", "KFD lists no 0x731f card: there is nothing to check.");
        return;
    }
    let mut places: Vec<(String, String)> = Vec::new();
    for check in checks {
        let place = (cell(check, "gpu"), cell(check, "node"));
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let keys = ["bank", "rule", "expected", "observed", "verdict"];
    for (gpu, node) in places {
        paper.gap();
        paper.line(&bold(&format!("{gpu}, node {node}")));
        let of_node = checks
            .iter()
            .filter(|check| check.has(&[("gpu", &gpu), ("node", &node)]));
        let rows: Vec<_> = of_node
            .map(|check| keys.map(|key| cell(check, key)))
            .collect();
        paper.table(&["BANK", "RULE", "EXPECTED", "OBSERVED", "VERDICT"], &rows);
    }
}

/// `gpus`: a column for each card, because a record is longer than a line.
pub fn gpus(paper: &mut TextWriter, gpus: &[Record]) {
    let Some(first) = gpus.first() else {
        return no_card(paper);
    };
    let rows: Vec<_> = first
        .pairs()
        .map(|(key, _)| {
            let values = gpus.iter().map(|gpu| cell(gpu, key));
            [key.to_owned()]
                .into_iter()
                .chain(values)
                .collect::<Vec<_>>()
        })
        .skip(1)
        .collect();
    let mut heads = vec!["GPU"];
    heads.extend(gpus.iter().map(|gpu| gpu.find("gpu").unwrap_or("?")));
    paper.table(&heads, &rows);
}

/// `counters`.
pub fn counters(paper: &mut TextWriter, counters: &Counters) {
    let rows: Vec<_> = counters
        .values()
        .map(|(name, value)| [name.to_owned(), value.to_string()])
        .collect();
    paper.table(&["COUNTER", "VALUE"], &rows);
}
