// SPDX-License-Identifier: GPL-2.0

//! Prints requests to KFD: a part for each process and card, and the last fine-grained requests.

use crate::requests::{Card, Last, Process, RequestsDocument, SvmRequests};
use crate::trace::{TracerState, Tracing};

use super::paper::{bold, yellow, TextWriter};
use super::safe;

/// Writes all counts, after warnings about missing ones.
pub fn requests(paper: &mut TextWriter, document: &RequestsDocument) {
    tracing(paper, &document.tracing);
    if document.processes.is_empty() {
        paper.line(if document.tracing.is_complete() {
            "Nothing was asked of KFD."
        } else {
            "No request was counted."
        });
        return;
    }
    for process in &document.processes {
        paper.gap();
        of_process(paper, process);
    }
    last(paper, document);
}

/// Warns if a zero, or any number, does not mean what it seems to.
fn tracing(paper: &mut TextWriter, tracing: &Tracing) {
    let mut warn = |words: String| paper.paragraph("", &yellow(&words));
    match tracing.state {
        TracerState::Armed if tracing.was_blind => warn(
            "For a time the kernel did not call the probes: what was asked then is missing.".into(),
        ),
        TracerState::Armed => {}
        TracerState::Blind => warn(
            "The kernel does not call the probes, so a zero means nothing. Kprobes or ftrace are \
             switched off: echo 1 > /sys/kernel/debug/kprobes/enabled; sysctl kernel.ftrace_enabled=1"
                .into(),
        ),
        TracerState::Unchecked => warn(
            "It could not be checked whether the kernel calls the probes, so a zero may mean \
             nothing: /sys/class/kfd/kfd/topology/generation_id cannot be read, or KFD shows it by \
             another function."
                .into(),
        ),
        TracerState::Gone => warn("amdgpu is not loaded any more.".into()),
    }
    if tracing.unloads != 0 {
        warn(format!(
            "amdgpu was unloaded meanwhile ({} times): what was asked just after it was loaded again \
             may be missing.",
            tracing.unloads
        ));
    }
    for probe in &tracing.probes {
        let ioctl = probe.ioctl;
        if let Some(why) = &probe.unavailable {
            warn(format!(
                "{ioctl} is not traced: {} ({why}).",
                probe.function
            ));
        }
        if probe.lost != 0 {
            warn(format!(
                "{} requests of {ioctl} were lost: too many processes and cards.",
                probe.lost
            ));
        }
        if probe.missed != 0 {
            warn(format!(
                "{} requests of {ioctl} were missed: their CPU was at another BPF program.",
                probe.missed
            ));
        }
    }
    if !tracing.svm_attributes {
        warn(
            "The attributes of SVM are not counted: this amdgpu does not check their number before \
             its handler."
                .into(),
        );
    }
}

fn of_process(paper: &mut TextWriter, process: &Process) {
    let name = format!("{} (process {})", safe(&process.command), process.pid);
    paper.line(&bold(&name));
    for card in &process.cards {
        of_card(paper, card);
    }
    if let Some(svm) = &process.svm {
        of_svm(paper, svm);
    }
}

/// Such as `compute_aql 2, sdma 1`, without zeros.
fn list(pairs: &[(&'static str, u64)]) -> String {
    let parts = pairs.iter().filter(|(_, count)| *count != 0);
    let parts: Vec<_> = parts
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    parts.join(", ")
}

fn of_card(paper: &mut TextWriter, card: &Card) {
    let place = match (&card.gpu, card.node) {
        (Some(gpu), Some(node)) => format!("{gpu}, node {node}, gpu_id {}", card.gpu_id),
        (None, Some(node)) => format!("node {node}, gpu_id {}", card.gpu_id),
        _ => format!("gpu_id {}, which no card of KFD has", card.gpu_id),
    };
    paper.line(&format!("  {place}"));
    if !card.memory.is_empty() {
        let heads: Vec<String> = ["  MEMORY".to_owned()]
            .into_iter()
            .chain(first(&card.memory).map(|(name, _)| name.to_uppercase()))
            .collect();
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let rows: Vec<Vec<String>> = card
            .memory
            .iter()
            .map(|row| {
                let counts = row.grains.pairs().into_iter();
                [format!("  {}", row.heap)]
                    .into_iter()
                    .chain(counts.map(|(_, count)| count.to_string()))
                    .collect()
            })
            .collect();
        paper.table(&heads, &rows);
    }
    for (what, pairs) in [
        ("policies", card.policies.pairs()),
        ("queues", card.queues.pairs()),
    ] {
        if pairs.iter().any(|(_, count)| *count != 0) {
            paper.paragraph(&format!("    {what}: "), &list(&pairs));
        }
    }
}

fn first(memory: &[crate::requests::Memory]) -> impl Iterator<Item = (&'static str, u64)> {
    let pairs = memory.first().map(|row| row.grains.pairs());
    pairs.unwrap_or_default().into_iter()
}

fn of_svm(paper: &mut TextWriter, svm: &SvmRequests) {
    let operations: Vec<_> = svm.operations.iter().map(|(op, n)| (*op, *n)).collect();
    paper.paragraph("  SVM: ", &list(&operations));
    for one in &svm.attributes {
        let flags = list(&[
            ("coherent", one.coherent),
            ("ext_coherent", one.ext_coherent),
        ]);
        let flags = match flags.is_empty() {
            true => String::new(),
            false => format!(" ({flags})"),
        };
        let words = format!("{} {} {}{flags}", one.op, one.attribute, one.attributes);
        paper.paragraph("    ", &words);
    }
    if svm.unread != 0 {
        paper.paragraph(
            "    ",
            &format!("{} attributes were not looked at", svm.unread),
        );
    }
}

fn last(paper: &mut TextWriter, document: &RequestsDocument) {
    if document.fine == 0 {
        return;
    }
    paper.gap();
    paper.line(&bold("The last requests for fine-grained memory"));
    if document.last.len() as u64 != document.fine {
        paper.line(&format!("{} of {}:", document.last.len(), document.fine));
    }
    let rows: Vec<_> = document.last.iter().map(row).collect();
    paper.table(
        &[
            "SECONDS",
            "PID/TID",
            "COMMAND",
            "IOCTL",
            "CARD",
            "FLAGS",
            "SIZE_BYTES",
        ],
        &rows,
    );
}

fn row(one: &Last) -> [String; 7] {
    let card = one.gpu.as_ref().or(one.gpu_id.as_ref());
    [
        format!("{}.{:03}", one.time_ms / 1000, one.time_ms % 1000),
        format!("{}/{}", one.pid, one.tid),
        one.command.clone(),
        one.ioctl.to_owned(),
        card.cloned().unwrap_or_else(|| "-".to_owned()),
        one.flags.clone(),
        one.size_bytes.to_string(),
    ]
}
