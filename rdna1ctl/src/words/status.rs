// SPDX-License-Identifier: GPL-2.0

//! Prints `status`: the state of each card, in plain words.

use crate::documents::{Card, OnlyInKfd, Program, StatusDocument};
use crate::findings::unknown::Cause;
use crate::findings::{place, MISMATCH};
use crate::size::gib;
use crate::sources::pages::Source;

use super::paper::{bold, green, red, verdict, yellow, TextWriter};
use super::{pages, safe};

/// The width of the names of a card's lines.
const NAMES: usize = 11;

/// Writes the status.
pub fn status(paper: &mut TextWriter, status: &StatusDocument) {
    for card in &status.cards {
        one(paper, card, status.kfd_hidden.as_deref());
        paper.gap();
    }
    if status.cards.is_empty() {
        none(paper, status);
        paper.gap();
    }
    for card in &status.only_in_kfd {
        without_function(paper, card);
        paper.gap();
    }
    programs(paper, &status.programs);
    if status.place.container.is_some() || status.place.wsl {
        let says = place::says(&status.place);
        paper.paragraph("", &format!("Seen from inside: {says}."));
    }
    pages::origin(paper, &status.origin);
    let mut cards = status.cards.iter();
    let is_well = status.verdict.as_deref() == Some("truth")
        && cards.all(|card| card.card.verdict.as_deref() == Some("truth"));
    if !is_well || status.origin.source == Source::KfdSysfs {
        paper.paragraph("", "`rdna1ctl doctor` says what to do.");
    }
}

fn none(paper: &mut TextWriter, status: &StatusDocument) {
    paper.paragraph(
        "",
        "There is no 0x731f card (RX 5600 XT, 5700, 5700 XT) here.",
    );
    for other in &status.others {
        let device = other.device.trim_start_matches("0x");
        paper.paragraph(
            "- ",
            &format!(
                "{} is a 1002:{device}: rdna1ctl makes no statement about it",
                other.gpu
            ),
        );
    }
}

fn without_function(paper: &mut TextWriter, card: &OnlyInKfd) {
    let address = card.gpu.as_deref().unwrap_or("unknown address");
    paper.line(&format!("{}  a 0x731f card only in KFD", bold(address)));
    let meaning = meaning(&card.verdict, &card.lies, &card.unknown, card.unknown_cause);
    let mut line = |name: &str, words: &str| {
        paper.paragraph(&format!("  {name:<NAMES$}"), words);
    };
    line("verdict", &format!("{}: {meaning}", verdict(&card.verdict)));
    let nodes: Vec<_> = card.nodes.iter().map(u32::to_string).collect();
    line("KFD", &format!("node {}", nodes.join(", ")));
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("?")
}

fn number(value: Option<u64>) -> String {
    value.map_or_else(|| "?".to_owned(), |number| number.to_string())
}

fn one(paper: &mut TextWriter, shown: &Card, hidden: Option<&str>) {
    let card = &shown.card;
    let board = text(&card.board).replace('-', " ");
    paper.line(&format!(
        "{}  {board}  (1002:731f, revision {})",
        bold(text(&card.gpu)),
        text(&card.revision)
    ));
    let mut line = |name: &str, words: &str| {
        paper.paragraph(&format!("  {name:<NAMES$}"), words);
    };
    let word = text(&card.verdict);
    let hidden = hidden.filter(|_| text(&card.kfd) == "absent");
    let meaning = match hidden {
        Some(why) => format!("unknown whether KFD lists this card: {why}"),
        None => meaning(word, &shown.lies, &shown.unknown, shown.unknown_cause),
    };
    line("verdict", &format!("{}: {meaning}", verdict(word)));
    if sleeps(shown) {
        line("power", "asleep; rdna1ctl does not wake the card");
    }
    line("driver", &driver(text(&card.driver), &shown.drm));
    line(
        "KFD",
        &hidden.map_or_else(|| kfd(shown), |_| yellow("hidden")),
    );
    for heap in &shown.heaps {
        line("VRAM", &heap_words(heap, shown.nodes.len() > 1));
    }
    line("BAR", &bar(shown));
    line("link", &link(shown));
    line("atomics", &atomics(shown));
}

/// Stands for a value that rdna1ctl reads only while the card is awake.
const NOT_READ: &str = "not read: the card sleeps";

fn sleeps(shown: &Card) -> bool {
    text(&shown.card.power) == "asleep"
}

fn meaning(verdict: &str, lies: &[String], unknown: &[String], cause: Option<Cause>) -> String {
    match (verdict, cause) {
        ("truth", _) => "KFD's topology matches the hardware".to_owned(),
        ("lie", _) => {
            // The module writes its files one after the other, so `checks` can be older than
            // `gpus`.
            let rules = match lies {
                [] => String::new(),
                rules => format!(" ({})", rules.join(", ")),
            };
            format!("{MISMATCH}{rules}. Run nothing on this card until it matches again")
        }
        ("unjudged", _) => "KFD does not list this card, so it claims nothing about it".to_owned(),
        (_, Some(cause)) => format!("{}. Not judged: {}", cause.says(), unknown.join(", ")),
        (_, None) if unknown.is_empty() => "unknown whether KFD lists this card".to_owned(),
        (_, None) => format!("these rules could not be judged: {}", unknown.join(", ")),
    }
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

fn kfd(shown: &Card) -> String {
    let card = &shown.card;
    match text(&card.kfd) {
        "present" => {
            let gfx = match card.gfx {
                Some(100_100) => "gfx1010".to_owned(),
                gfx => format!("gfx_target_version {} (it is a gfx1010)", number(gfx)),
            };
            let others = match shown.nodes.len() {
                0 | 1 => String::new(),
                count => yellow(&format!(" (one of {count} nodes for this card)")),
            };
            format!(
                "node {}, gpu_id {}, {gfx}{others}",
                number(card.node),
                text(&card.gpu_id)
            )
        }
        "absent" => format!(
            "{} (reason: {})",
            red("does not list the card"),
            text(&card.reason)
        ),
        _ => yellow("could not be read"),
    }
}

fn heap_words(heap: &crate::rows::Heap, names_node: bool) -> String {
    let node = match names_node {
        true => format!("node {}: ", number(heap.node)),
        false => String::new(),
    };
    let size = gib(&number(heap.size_bytes));
    let grain = match heap.coarse_grained_only {
        Some(1) => "; coarse-grained only, as this card's VRAM always is",
        _ => "",
    };
    format!(
        "{node}{size}, {} bits, {}{grain}",
        number(heap.width_bits),
        text(&heap.heap)
    )
}

fn bar(shown: &Card) -> String {
    let size = gib(&number(shown.card.bar0_bytes));
    match text(&shown.card.bar) {
        "large" => format!("{size}: the CPU reaches all of VRAM"),
        "small" => format!("{size}: not resized; the CPU reaches only that much of VRAM"),
        "partial" => format!("{size}: the CPU reaches only that much of VRAM"),
        _ => size,
    }
}

fn link(shown: &Card) -> String {
    let card = &shown.card;
    let (now, most) = match &shown.slot_link {
        Some(slot) => ((slot.gts, slot.width), (slot.gts_max, slot.width_max)),
        None => (
            (card.link_gts, card.link_width),
            (card.link_gts_max, card.link_width_max),
        ),
    };
    if sleeps(shown) {
        return NOT_READ.to_owned();
    }
    let words = |(gts, width): (Option<f64>, Option<u64>)| {
        let gts = gts.map_or_else(|| "?".to_owned(), |gts| gts.to_string());
        // A card that does not answer returns all bits set.
        format!("{gts} GT/s x{}", number(width.filter(|&width| width <= 32)))
    };
    format!("{} now, {} at most", words(now), words(most))
}

fn atomics(shown: &Card) -> String {
    let card = &shown.card;
    match text(&card.atomics) {
        "completer" => green("get through"),
        "none" => {
            let hop = match text(&card.atomics_hop) {
                "?" => String::new(),
                hop => format!(" (refused by {hop})"),
            };
            let kfd = match text(&card.atomics_kfd) {
                "tolerated" => "; KFD accepted the card nevertheless",
                _ => "",
            };
            format!("{}{hop}{kfd}", yellow("do not get through"))
        }
        _ if sleeps(shown) => NOT_READ.to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn programs(paper: &mut TextWriter, programs: &[Program]) {
    if programs.is_empty() {
        return;
    }
    let rows: Vec<_> = programs
        .iter()
        .map(|program| {
            let yes = |is: Option<bool>| match is {
                Some(true) => "yes",
                Some(false) => "no",
                None => "?",
            };
            [
                program.pid.to_string(),
                safe(&program.command),
                gib(&program.vram_bytes.to_string()),
                yes(program.overrides).to_owned(),
                yes(program.gfx1010).to_owned(),
            ]
        })
        .collect();
    let heads = [
        "PID",
        "PROGRAM ON KFD",
        "VRAM",
        "ISA OVERRIDDEN",
        "GFX1010 CODE",
    ];
    paper.table(&heads, &rows);
    paper.gap();
}
