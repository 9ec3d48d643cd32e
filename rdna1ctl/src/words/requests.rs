// SPDX-License-Identifier: GPL-2.0

//! `requests` as tables: one for each kind of record, or one line for a single record.

use rdna1_records::Record;

use crate::gain::{deaf, is_event, is_naming, kinds, numbers, Gains};

use super::paper::{bold, yellow, Paper};
use super::safe;

/// `requests`, without the records that have only zeros. The last line counts those.
pub fn requests(paper: &mut Paper, requests: &[Record]) {
    let mut left_out = 0;
    for kind in kinds(requests) {
        let of_kind = requests
            .iter()
            .filter(|one| one.find("record") == Some(kind));
        let (shown, idle): (Vec<&Record>, Vec<_>) = of_kind.partition(|one| is_telling(kind, one));
        left_out += idle.len();
        if !shown.is_empty() {
            paper.gap();
            paper.line(&bold(kind));
            group(paper, &shown);
        }
    }
    if left_out != 0 {
        paper.gap();
        paper.line(&format!(
            "{left_out} records with only zeros are left out here."
        ));
    }
}

/// Whether a record has more than zeros.
fn is_telling(kind: &str, record: &Record) -> bool {
    kind == "probe"
        || is_event(record)
        || numbers(record).next().is_none()
        || numbers(record).any(|(_, value)| value != 0)
}

/// One line with the values that all records share, and a table of the others.
fn group(paper: &mut Paper, records: &[&Record]) {
    let Some(first) = records.first() else { return };
    let keys: Vec<&str> = first.pairs().map(|(key, _)| key).skip(1).collect();
    let is_common = |key: &&str| {
        records
            .iter()
            .all(|record| record.find(key) == first.find(key))
    };
    let zero = |key: &str| first.find(key) == Some("0");
    let (common, differing): (Vec<_>, Vec<_>) = keys.into_iter().partition(is_common);
    let said: Vec<_> = common
        .iter()
        .filter(|key| is_naming(key) || !zero(key))
        .map(|key| format!("{key}={}", first.find(key).unwrap_or("?")))
        .collect();
    if !said.is_empty() {
        paper.paragraph("  ", &said.join(" "));
    }
    if differing.is_empty() {
        return;
    }
    let heads: Vec<String> = differing.iter().map(|key| key.to_uppercase()).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| {
            let values = differing.iter().map(|key| record.find(key).unwrap_or(""));
            values.map(str::to_owned).collect()
        })
        .collect();
    paper.table(&heads, &rows);
}

/// Why there are no requests, and how to count them.
pub fn none(paper: &mut Paper, loaded: bool, counting: Option<bool>) {
    let why = match (loaded, counting) {
        (false, _) => "Only the module counts requests, and it is not loaded.",
        (true, Some(true)) => "The module counts requests, and only root can read them.",
        (true, _) => "The module was loaded without requests=1, and counts no requests.",
    };
    paper.paragraph("", why);
    let again = match (loaded, counting) {
        (true, Some(true)) => return,
        (true, _) => "sudo modprobe -r rdna1_kfd_guard; ",
        (false, _) => "",
    };
    paper.paragraph(
        "To count them: ",
        &format!("{again}sudo modprobe rdna1_kfd_guard requests=1"),
    );
}

/// The gains between two reads of `requests`; `after` is the second one.
pub fn gains(paper: &mut Paper, gains: &Gains, after: &[Record]) {
    if gains.fell {
        paper.paragraph(
            "",
            &yellow("Counters fell: the module was reloaded meanwhile, and its earlier counts are lost."),
        );
    }
    let deaf = deaf(after);
    if !deaf.is_empty() {
        let words = format!(
            "These probes do not count, so a zero means nothing there: {}. rdna1ctl doctor says more.",
            deaf.join(", ")
        );
        paper.paragraph("", &yellow(&words));
    }
    // The other records have the hits of the probes, and the fine-grained requests, in more detail.
    let shown = gains.counters.iter().filter(|gain| {
        let sums = gain.of.starts_with("record=probe") || gain.of.starts_with("record=fine");
        !sums || matches!(gain.key.as_str(), "missed" | "left_out")
    });
    let rows: Vec<_> = shown
        .map(|gain| {
            let of = gain.of.trim_start_matches("record=");
            [format!("+{}", gain.by), gain.key.clone(), of.to_owned()]
        })
        .collect();
    match (rows.is_empty(), deaf.is_empty()) {
        (false, _) => paper.table(&["GAINED", "COUNTER", "OF"], &rows),
        (true, true) if !gains.fell => paper.line("Nothing was asked of KFD."),
        (true, _) => paper.line("No request was counted."),
    }
    if !gains.events.is_empty() {
        paper.gap();
        paper.line("The last fine-grained requests:");
        for event in &gains.events {
            paper.paragraph("  ", &safe(event.trim_start_matches("record=last ")));
        }
    }
}
