// SPDX-License-Identifier: GPL-2.0

//! `watch`: prints the status, and then each change.

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::cli::Watch;
use crate::documents::StatusDocument;
use crate::root::Root;
use crate::sources::Facts;
use crate::words::paper::{green, red, TextWriter};
use crate::words::{safe, status};

use super::{of_verdict, print, UNUSABLE};

pub(super) fn watch(root: &Root, how: &Watch) -> Result<u8> {
    let mut shown: Option<String> = None;
    let mut looks = 0u64;
    loop {
        let (page, verdict) = match page(root) {
            // The module may be reloading: show the error as a change.
            Err(error) if shown.is_some() => {
                (format!("{}\n", safe(&format!("{error:#}"))), UNUSABLE)
            }
            page => page?,
        };
        match &shown {
            None => print(&page)?,
            Some(before) if *before != page => print(&changes(before, &page))?,
            Some(_) => {}
        }
        shown = Some(page);
        looks = looks.saturating_add(1);
        if how.count.is_some_and(|count| looks >= count) {
            return Ok(verdict);
        }
        thread::sleep(how.interval);
    }
}

fn page(root: &Root) -> Result<(String, u8)> {
    let facts = Facts::read_with_libraries(root)?;
    let mut paper = TextWriter::new();
    status::status(&mut paper, &StatusDocument::of(&facts));
    Ok((paper.text().to_owned(), of_verdict(facts.pages.verdict())))
}

/// The lines that only `before` has, and those that only `after` has.
fn changes(before: &str, after: &str) -> String {
    let only = |one: &str, other: &str| -> Vec<String> {
        let others: Vec<_> = other.lines().collect();
        let lines = one.lines().filter(|line| !line.trim().is_empty());
        lines
            .filter(|line| !others.contains(line))
            .map(str::to_owned)
            .collect()
    };
    let mut text = format!("\nchange at {}\n", now());
    for line in only(before, after) {
        text.push_str(&format!("{} {line}\n", red("-")));
    }
    for line in only(after, before) {
        text.push_str(&format!("{} {line}\n", green("+")));
    }
    text
}

fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map(|since| since.as_secs()).unwrap_or_default();
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    time.map_or_else(
        || "an unknown time".to_owned(),
        |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}
