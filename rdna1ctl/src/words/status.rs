// SPDX-License-Identifier: GPL-2.0

//! `status`: what is going on, in plain words.

use crate::documents::{Card, Program, StatusDocument};
use crate::sources::pages::Source;

use super::paper::{bold, green, red, verdict, yellow, Paper};
use super::{gib, pages, safe};

/// How wide the names of what is told of a card are.
const NAMES: usize = 11;

/// Writes the status.
pub fn status(paper: &mut Paper, status: &StatusDocument) {
    for card in &status.cards {
        one(paper, card);
        paper.gap();
    }
    if status.cards.is_empty() {
        none(paper, status);
        paper.gap();
    }
    programs(paper, &status.programs);
    pages::origin(paper, &status.origin);
    if status.verdict.as_deref() != Some("truth") || status.origin.source == Source::KfdSysfs {
        paper.paragraph("", "`rdna1ctl doctor` says what to do.");
    }
}

fn none(paper: &mut Paper, status: &StatusDocument) {
    paper.paragraph(
        "",
        "There is no 0x731f card (RX 5600 XT, 5700, 5700 XT) here.",
    );
    if let Some(word) = &status.verdict {
        paper.paragraph(
            "",
            &format!("Yet KFD claims to have one: {}.", verdict(word)),
        );
    }
    for other in &status.others {
        let device = other.device.trim_start_matches("0x");
        paper.paragraph(
            "- ",
            &format!(
                "{} is a 1002:{device}, which nothing is said about",
                other.gpu
            ),
        );
    }
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("?")
}

fn number(value: Option<u64>) -> String {
    value.map_or_else(|| "?".to_owned(), |number| number.to_string())
}

fn one(paper: &mut Paper, told: &Card) {
    let card = &told.card;
    let board = text(&card.board).replace('-', " ");
    paper.line(&format!(
        "{}  {board}  (1002:731f, revision {})",
        bold(text(&card.gpu)),
        text(&card.revision)
    ));
    let mut line = |name: &str, words: &str| {
        paper.paragraph(&format!("  {name:<NAMES$}"), words);
    };
    line("verdict", &sentence(told));
    line("driver", &driver(text(&card.driver), &told.drm));
    line("KFD", &kfd(told));
    for heap in &told.heaps {
        line("VRAM", &heap_words(heap));
    }
    line("BAR", &bar(told));
    line("link", &link(told));
    line("atomics", &atomics(told));
}

/// The verdict, and what it means.
fn sentence(told: &Card) -> String {
    let word = text(&told.card.verdict);
    let means = match word {
        "truth" => "what KFD says of this card is true".to_owned(),
        "lie" => format!(
            "KFD says something false: {}. Run nothing on this card until it is put right",
            told.lies.join(", ")
        ),
        _ if !told.unknown.is_empty() => {
            format!("these could not be judged: {}", told.unknown.join(", "))
        }
        _ => "KFD says nothing of this card that could be judged".to_owned(),
    };
    format!("{}: {means}", verdict(word))
}

fn driver(driver: &str, drm: &[String]) -> String {
    let drm = match drm {
        [] => String::new(),
        names => format!(" (/dev/dri: {})", names.join(", ")),
    };
    match driver {
        "amdgpu" => format!("amdgpu{drm}"),
        "-" => red("none"),
        other => yellow(other),
    }
}

fn kfd(told: &Card) -> String {
    let card = &told.card;
    match text(&card.kfd) {
        "present" => {
            let gfx = match card.gfx {
                Some(100_100) => "gfx1010".to_owned(),
                gfx => format!("gfx_target_version {} (it is a gfx1010)", number(gfx)),
            };
            format!(
                "node {}, gpu_id {}, {gfx}",
                number(card.node),
                text(&card.gpu_id)
            )
        }
        "absent" => format!("{} ({})", red("does not know the card"), text(&card.reason)),
        _ => yellow("could not be read"),
    }
}

fn heap_words(heap: &crate::rows::Heap) -> String {
    let size = gib(&number(heap.size_bytes));
    let grain = match heap.coarse_grained_only {
        Some(1) => "; coarse-grained only, that is what the card can do",
        _ => "",
    };
    format!(
        "{size}, {} bits, {}{grain}",
        number(heap.width_bits),
        text(&heap.heap)
    )
}

fn bar(told: &Card) -> String {
    let size = gib(&number(told.card.bar0_bytes));
    match text(&told.card.bar) {
        "large" => format!("{size}: the CPU reaches all of VRAM"),
        "small" => format!("{size}: not resized; the CPU reaches that much of VRAM"),
        "partial" => format!("{size}: the CPU reaches a part of VRAM"),
        _ => size,
    }
}

fn link(told: &Card) -> String {
    let card = &told.card;
    let (now, most) = match &told.slot_link {
        Some(slot) => ((slot.gts, slot.width), (slot.gts_max, slot.width_max)),
        None => (
            (card.link_gts, card.link_width),
            (card.link_gts_max, card.link_width_max),
        ),
    };
    let words = |(gts, width): (Option<f64>, Option<u64>)| {
        let gts = gts.map_or_else(|| "?".to_owned(), |gts| gts.to_string());
        format!("{gts} GT/s x{}", number(width))
    };
    format!("{} now, {} at most", words(now), words(most))
}

fn atomics(told: &Card) -> String {
    let card = &told.card;
    match text(&card.atomics) {
        "completer" => green("get through"),
        "none" => {
            let hop = match text(&card.atomics_hop) {
                "?" => String::new(),
                hop => format!(" (refused by {hop})"),
            };
            let kfd = match text(&card.atomics_kfd) {
                "tolerated" => "; KFD took the card all the same",
                _ => "",
            };
            format!("{}{hop}{kfd}", yellow("do not get through"))
        }
        _ => "not known".to_owned(),
    }
}

fn programs(paper: &mut Paper, programs: &[Program]) {
    if programs.is_empty() {
        return;
    }
    let rows: Vec<_> = programs
        .iter()
        .map(|program| {
            let overrides = match program.overrides {
                Some(true) => "yes",
                Some(false) => "no",
                None => "?",
            };
            [
                program.pid.to_string(),
                safe(&program.command),
                gib(&program.vram_bytes.to_string()),
                overrides.to_owned(),
            ]
        })
        .collect();
    paper.table(&["PID", "PROGRAM ON KFD", "VRAM", "ISA OVERRIDDEN"], &rows);
    paper.gap();
}
