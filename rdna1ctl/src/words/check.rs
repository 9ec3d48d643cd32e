// SPDX-License-Identifier: GPL-2.0

//! Prints `check`: whether libraries have code for the card.

use crate::check::{CheckDocument, Place};
use crate::findings::code::Answer;

use super::paper::{bold, green, red, yellow, TextWriter};
use super::safe;

/// Writes the answers.
pub fn check(paper: &mut TextWriter, document: &CheckDocument) {
    for place in &document.places {
        one(paper, place);
        paper.gap();
    }
}

fn one(paper: &mut TextWriter, place: &Place) {
    let version = match &place.version {
        Some(version) => format!("  (ROCm {})", safe(version)),
        None => String::new(),
    };
    paper.line(&format!("{}{version}", bold(&safe(&place.path))));
    paper.paragraph("  ", &answer(place));
    for part in &place.parts {
        let mark = match part.gfx1010 {
            Some(true) => green("yes"),
            Some(false) if part.optional => yellow("no "),
            Some(false) => red("no "),
            None => yellow("?  "),
        };
        let optional = match part.optional {
            true => " (most programs do without)",
            false => "",
        };
        let path = shortened(&part.path, &place.path);
        let words = format!("{}: {}{optional}", safe(path), safe(&part.what));
        paper.paragraph(&format!("  {mark}  "), &words);
    }
    for unseen in &place.unseen {
        paper.paragraph(&format!("  {}  ", yellow("not seen")), &safe(unseen));
    }
    for step in &place.advice {
        paper.paragraph("  -> ", &safe(step));
    }
}

/// The path relative to the place, if it is below the place.
fn shortened<'a>(path: &'a str, place: &str) -> &'a str {
    let rest = path.strip_prefix(place.trim_end_matches('/'));
    let rest = rest.and_then(|rest| rest.strip_prefix('/'));
    rest.filter(|rest| !rest.is_empty()).unwrap_or(path)
}

fn answer(place: &Place) -> String {
    let says = safe(&place.says);
    match place.answer {
        Answer::Native => green(&says),
        Answer::OverrideOnly | Answer::NoCode => red(&says),
        Answer::Unknown | Answer::NothingFound => yellow(&says),
    }
}
