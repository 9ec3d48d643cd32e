// SPDX-License-Identifier: GPL-2.0

//! What the kernel's console tells.

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::{Kind, Reason};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternFile {
    pattern: Vec<PatternText>,
    expected_taint: Vec<TaintText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternText {
    kind: Kind,
    regex: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaintText {
    regex: String,
}

struct Patterns {
    trouble: Vec<(Kind, Regex, String)>,
    expected_taint: Vec<Regex>,
    taint: Regex,
    tainted: Regex,
}

/// The file is compiled in and a test reads it, so it can be used.
static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    load(include_str!("patterns.toml")).expect("judge/patterns.toml is checked by a test")
});

/// The taints an own module brings: O, E; G says that no proprietary one came.
const EXPECTED_FLAGS: [char; 3] = ['G', 'O', 'E'];

fn load(text: &str) -> anyhow::Result<Patterns> {
    let file: PatternFile = toml::from_str(text)?;
    let trouble = file
        .pattern
        .into_iter()
        .map(|p| Ok((p.kind, Regex::new(&p.regex)?, p.why)))
        .collect::<anyhow::Result<_>>()?;
    let expected_taint = file
        .expected_taint
        .iter()
        .map(|p| Regex::new(&p.regex))
        .collect::<Result<_, _>>()?;
    Ok(Patterns {
        trouble,
        expected_taint,
        taint: Regex::new("taints kernel|tainting kernel|kernel taint")?,
        tainted: Regex::new(r"\bTainted: ([A-Z](?:[A-Z ]*[A-Z])?) +\d")?,
    })
}

/// All that is wrong, each kind once, with the first line that shows it.
pub fn troubles(console: &str) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for line in console.lines() {
        let found = PATTERNS
            .trouble
            .iter()
            .find(|(_, regex, _)| regex.is_match(line))
            .map(|(kind, _, why)| (*kind, why.clone()))
            .or_else(|| unexpected_taint(line).map(|why| (Kind::Taint, why)));
        if let Some((kind, why)) = found {
            if !reasons.iter().any(|r| r.kind == kind) {
                reasons.push(Reason {
                    kind,
                    text: format!("{why}: {}", without_stamp(line)),
                });
            }
        }
    }
    reasons
}

/// The kinds that the patterns know.
#[cfg(test)]
pub fn kinds() -> impl Iterator<Item = Kind> {
    PATTERNS.trouble.iter().map(|(kind, ..)| *kind)
}

fn unexpected_taint(line: &str) -> Option<String> {
    if PATTERNS.taint.is_match(line) {
        let expected = PATTERNS.expected_taint.iter().any(|e| e.is_match(line));
        return (!expected).then(|| "the kernel is tainted by something unexpected".to_owned());
    }
    let flags = &PATTERNS.tainted.captures(line)?[1];
    let strange: String = flags
        .chars()
        .filter(|c| *c != ' ' && !EXPECTED_FLAGS.contains(c))
        .collect();
    (!strange.is_empty()).then(|| format!("unexpected taint {strange}"))
}

/// The line without the kernel's time.
fn without_stamp(line: &str) -> &str {
    let line = line.trim();
    match line.strip_prefix('[').and_then(|l| l.split_once("] ")) {
        Some((stamp, rest)) if stamp.trim().starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_file_can_be_used() {
        load(include_str!("patterns.toml")).expect("a sound file");
    }

    #[test]
    fn our_own_taint_is_expected() {
        let console = "[   10.1] crc16x: loading out-of-tree module taints kernel.\n\
                       [   10.2] m: module verification failed: signature and/or required key missing - tainting kernel\n\
                       [   11.0] CPU: 0 UID: 0 PID: 1 Comm: init Tainted: G           OE       7.2.12+deb13-amd64 #1\n";
        assert_eq!(troubles(console), []);
    }

    #[test]
    fn a_foreign_taint_is_told() {
        for line in [
            "[   10.1] nv: module license 'NVIDIA' taints kernel.",
            "[   10.1] CPU: 0 PID: 1 Comm: init Tainted: G        W  OE       7.2.12 #1",
        ] {
            assert_eq!(troubles(line)[0].kind, Kind::Taint, "{line}");
        }
    }
}
