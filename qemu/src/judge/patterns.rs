// SPDX-License-Identifier: GPL-2.0

//! The judge's patterns, from `patterns.toml`. Each states the reason for it.

use std::sync::OnceLock;

use anyhow::{Context, Result};
use regex::Regex;
use serde::Deserialize;

use super::Kind;

/// The text of `patterns.toml`.
pub const TEXT: &str = include_str!("patterns.toml");

/// The patterns of the judge.
#[derive(Clone, Debug)]
pub struct Patterns {
    /// Patterns for lines that mean trouble on the console.
    pub console: Vec<Pattern>,
    /// Patterns for expected lines about tainting.
    pub expected_taint: Vec<Regex>,
    /// The taint bits.
    pub taint: Vec<TaintBit>,
    /// Patterns for notes of failed cases.
    pub notes: Vec<NotePattern>,
}

/// A pattern for lines that mean trouble on the console.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The kind of trouble.
    pub kind: Kind,
    /// The expression that a line matches.
    pub regex: Regex,
    /// The meaning of such a line.
    pub why: String,
    /// When a matching line counts.
    pub counts: Counts,
    /// A case that examines the same trouble. If it passed, the line does not count.
    pub unless_passed: Option<String>,
}

/// When a matching line counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// If no earlier pattern of this mode matches the line.
    #[default]
    First,
    /// Always.
    Beside,
    /// If the console shows no other trouble.
    Alone,
}

/// A bit of the kernel's taint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaintBit {
    /// The letter of the bit.
    pub letter: char,
    /// The meaning of the bit.
    pub why: String,
    /// Whether every boot of modproof sets it.
    #[serde(default)]
    pub expected: bool,
}

/// A pattern for a note of a failed case.
#[derive(Clone, Debug)]
pub struct NotePattern {
    /// The kind of trouble.
    pub kind: Kind,
    /// The expression that a note matches.
    pub regex: Regex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    pattern: Vec<PatternText>,
    expected_taint: Vec<TaintText>,
    taint: Vec<TaintBit>,
    note: Vec<NoteText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternText {
    kind: Kind,
    regex: String,
    why: String,
    #[serde(default)]
    counts: Counts,
    unless_passed: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaintText {
    regex: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteText {
    kind: Kind,
    regex: String,
}

impl Patterns {
    /// Parses patterns.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).context("cannot use the patterns")?;
        let regex =
            |text: &str| Regex::new(text).with_context(|| format!("cannot use the pattern {text}"));
        Ok(Self {
            console: file
                .pattern
                .into_iter()
                .map(|p| {
                    Ok(Pattern {
                        kind: p.kind,
                        regex: regex(&p.regex)?,
                        why: p.why,
                        counts: p.counts,
                        unless_passed: p.unless_passed,
                    })
                })
                .collect::<Result<_>>()?,
            expected_taint: file
                .expected_taint
                .iter()
                .map(|p| regex(&p.regex))
                .collect::<Result<_>>()?,
            taint: file.taint,
            notes: file
                .note
                .iter()
                .map(|p| {
                    Ok(NotePattern {
                        kind: p.kind,
                        regex: regex(&p.regex)?,
                    })
                })
                .collect::<Result<_>>()?,
        })
    }

    /// The compiled-in patterns, or the reason why they are invalid.
    pub fn built_in() -> Result<&'static Self, &'static str> {
        static BUILT_IN: OnceLock<Result<Patterns, String>> = OnceLock::new();
        BUILT_IN
            .get_or_init(|| Self::parse(TEXT).map_err(|error| format!("{error:#}")))
            .as_ref()
            .map_err(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_pattern_has_a_reason_and_is_there_once() {
        let patterns = Patterns::parse(TEXT).expect("sound patterns");
        let mut seen = BTreeSet::new();
        for pattern in &patterns.console {
            assert!(!pattern.why.is_empty(), "{pattern:?}");
            assert!(seen.insert(pattern.regex.as_str()), "{pattern:?} twice");
            assert!(!pattern.regex.is_match(""), "{pattern:?} fits everything");
        }
        let mut letters = BTreeSet::new();
        for bit in &patterns.taint {
            assert!(!bit.why.is_empty() && letters.insert(bit.letter), "{bit:?}");
        }
    }

    #[test]
    fn what_does_not_compile_is_named() {
        let broken = TEXT.replacen("'BUG: KASAN: '", "'BUG: (KASAN'", 1);
        let error = Patterns::parse(&broken).expect_err("an open bracket");
        assert!(format!("{error:#}").contains("BUG: (KASAN"), "{error:#}");
        assert!(Patterns::parse("pattern = 1").is_err());
        assert!(Patterns::parse("").is_err());
    }
}
