// SPDX-License-Identifier: GPL-2.0

//! The check of the project's English, as far as a program can judge it: documents, comments, the
//! beginnings of messages, and commit subjects.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{anyhow, ensure, Result};
use modproof::run;
use modproof::tally::Outcome;
use modproof::Context;
use regex::Regex;

use crate::repo;

/// The group, and what it shows.
pub const GROUP: (&str, &str) = (
    "prose",
    "documents, comments, messages and commit subjects follow the rules for plain English",
);

/// The most columns of a line of text.
const COLUMNS: usize = 100;
/// The most characters of a commit's subject, and how many commits are looked at.
const SUBJECT: usize = 60;
const COMMITS: &str = "-100";
/// The columns of a tab.
const TAB: usize = 8;

/// A relative word that begins a sentence. A question may begin so.
const RELATIVE: &str = r"(?:^|[.!?:(] ?)((?:Who|Whoever|Whose|What|Whatever|Where|Wherever) .*)";

/// Phrases that readers stumbled over.
const PHRASES: &[&str] = &[
    "what counts first",
    "stands there for some",
    "made anew",
    "is not to be",
    "are not to be",
    "not to be had",
    "and that is said",
    "is told of",
    "could not be seen whether",
    "is no time to wait",
    "is not for you to",
    "there is not\\.",
    "what is theirs",
    "came to no end",
    "for want of",
];

/// Recorded by programs, or written by others.
const LEFT_OUT: [&str; 10] = [
    "/golden/",
    "captures/reconstructed",
    "captures/gfx",
    "captures/guest",
    ".snap",
    "Cargo.lock",
    "LICENSE",
    ".json",
    ".svg",
    "xtask/src/prose.rs",
];

/// A piece of text: the number of its first line, and its words in one line.
struct Paragraph {
    line: usize,
    text: String,
}

/// Runs the check. A copy of the sources without git's data has no commits to look at.
pub fn check(context: &Context) -> Result<Outcome> {
    let repo = repo(context)?;
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        // Somebody else may own the checkout.
        git.args(["-c", "safe.directory=*", "-C"]).arg(repo);
        run::output(git.args(words))
    };
    let files = git(&["ls-files"]).or_else(|_| {
        let mut find = Command::new("find");
        let words = [
            "-type",
            "f",
            "-not",
            "-path",
            "./target/*",
            "-not",
            "-path",
            "./.git/*",
            "-printf",
            "%P\\n",
        ];
        run::output(find.arg(".").args(words).current_dir(repo))
    });
    let rules = Rules::new()?;
    let mut found = String::new();
    let is_ours = |name: &&str| !LEFT_OUT.iter().any(|part| name.contains(part));
    let files = files?;
    ensure!(!files.is_empty(), "there are no files to read");
    for name in files.lines().filter(is_ours) {
        // Some files are no text.
        if let Ok(text) = std::fs::read_to_string(repo.join(name)) {
            rules.judge(name, &text, &mut found);
        }
    }
    let subjects = git(&["log", COMMITS, "--no-merges", "--format=%s"]);
    let note = match &subjects {
        Ok(_) => "",
        Err(_) => "no commit subjects: git knows no commits here",
    };
    for subject in subjects.unwrap_or_default().lines() {
        if subject.chars().count() > SUBJECT {
            let _ = writeln!(
                found,
                "commit subject of over {SUBJECT} characters: {subject}"
            );
        }
    }
    Ok(match found.lines().count() {
        0 => Outcome::of(Ok(note.to_owned())),
        count => Outcome::of(Err(anyhow!("{count} places\n{found}"))),
    })
}

struct Rules {
    relative: Regex,
    phrases: Regex,
    end: Regex,
    literal: Regex,
}

impl Rules {
    fn new() -> Result<Self> {
        Ok(Self {
            relative: Regex::new(RELATIVE)?,
            phrases: Regex::new(&format!("(?i){}", PHRASES.join("|")))?,
            end: Regex::new(r"[.!?](?:\s|$)")?,
            literal: Regex::new(r#""((?:[^"\\]|\\.)+)""#)?,
        })
    }

    /// Looks for relative words and phrases in a paragraph or a string.
    fn judge_text(&self, name: &str, line: usize, text: &str, found: &mut String) {
        let mut rest = text;
        while let Some(sentence) = self.relative.captures(rest).and_then(|found| found.get(1)) {
            let end = self.end.find(sentence.as_str());
            let length = end.map_or(sentence.len(), |end| end.end());
            let (this, more) = sentence.as_str().split_at(length);
            if !this.trim_end().ends_with('?') {
                let start: String = this.chars().take(50).collect();
                let _ = writeln!(found, "{name}:{line}: begins with a relative word: {start}");
            }
            rest = more;
        }
        if let Some(phrase) = self.phrases.find(text) {
            let _ = writeln!(found, "{name}:{line}: {}", phrase.as_str());
        }
    }

    /// Adds a line to `found` for each place in a file that breaks a rule.
    fn judge(&self, name: &str, text: &str, found: &mut String) {
        let is_document = name.ends_with(".md");
        let paragraphs = if is_document {
            document(text)
        } else {
            comments(name, text)
        };
        for Paragraph { line, text } in &paragraphs {
            self.judge_text(name, *line, text, found);
        }
        if !is_document {
            for (number, line) in text.lines().enumerate() {
                for literal in self.literal.captures_iter(line) {
                    self.judge_text(name, number + 1, &literal[1], found);
                }
            }
        }
        let mut fenced = false;
        for (number, line) in text.lines().enumerate() {
            fenced ^= is_document && line.trim_start().starts_with("```");
            let is_text = if is_document {
                !fenced && !line.starts_with(['|', '\t']) && !line.starts_with("    ")
            } else {
                comment(name, line).is_some()
            };
            // An address cannot be broken.
            if is_text && columns(line) > COLUMNS && !line.contains("://") {
                let number = number + 1;
                let _ = writeln!(found, "{name}:{number}: {} columns", columns(line));
            }
        }
    }
}

fn columns(line: &str) -> usize {
    line.chars().map(|c| if c == '\t' { TAB } else { 1 }).sum()
}

/// The paragraphs of a document: no headings, tables and examples.
fn document(text: &str) -> Vec<Paragraph> {
    let mut fenced = false;
    let lines = text.lines().map(|line| {
        let line = line.trim();
        let is_fence = line.starts_with("```");
        fenced ^= is_fence;
        let is_text = !fenced && !is_fence && !line.starts_with(['|', '#', '<']);
        is_text.then_some(line)
    });
    paragraphs(lines)
}

/// The comments of a source file.
fn comments(name: &str, text: &str) -> Vec<Paragraph> {
    paragraphs(text.lines().map(|line| comment(name, line)))
}

/// The comment that a line consists of.
fn comment<'l>(name: &str, line: &'l str) -> Option<&'l str> {
    let line = line.trim();
    let ending = Path::new(name)
        .extension()
        .and_then(|ending| ending.to_str());
    let marks: &[&str] = match ending {
        Some("rs") => &["///", "//!", "//"],
        Some("c" | "h") => &["/*", "*/", "*"],
        Some("sh" | "toml" | "config") => &["#"],
        None => &["#"],
        Some(_) => &[],
    };
    let mark = marks.iter().find(|mark| line.starts_with(**mark))?;
    Some(line[mark.len()..].trim_end_matches("*/").trim())
}

/// Lines that follow each other are one paragraph; so is each item of a list.
fn paragraphs<'l>(lines: impl Iterator<Item = Option<&'l str>>) -> Vec<Paragraph> {
    let mut found: Vec<Paragraph> = Vec::new();
    let mut goes_on = false;
    for (number, line) in lines.enumerate() {
        let Some(line) = line.filter(|line| !line.is_empty()) else {
            goes_on = false;
            continue;
        };
        let item = line.strip_prefix("- ").or(line.strip_prefix("* "));
        match found.last_mut().filter(|_| goes_on && item.is_none()) {
            Some(last) => {
                last.text.push(' ');
                last.text.push_str(line);
            }
            None => found.push(Paragraph {
                line: number + 1,
                text: item.unwrap_or(line).replace("**", ""),
            }),
        }
        goes_on = true;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, text: &str) -> Vec<String> {
        let mut found = String::new();
        Rules::new().expect("rules").judge(name, text, &mut found);
        found.lines().map(str::to_owned).collect()
    }

    #[test]
    fn plain_sentences_pass() {
        for (name, text) in [
            ("a.md", "Start here.\n\n```\nWhat comes out\n```\n\n| Where it is | x |\n\n## What it does\n"),
            ("a.rs", "// What is a card?\nlet what = \"Where\";\n/// The card.\n"),
            ("a.c", "/*\n * The card. It is\n * Where it was.\n */\n"),
        ] {
            assert_eq!(judged(name, text), [""; 0], "{name}");
        }
    }

    #[test]
    fn each_rule_finds_its_places() {
        for (name, text, wanted) in [
            (
                "a.md",
                "One. Who reads it, knows.\n",
                "a.md:1: begins with a relative word: Who",
            ),
            (
                "a.md",
                "- **Where** it is, it stays.\n",
                "a.md:1: begins with a relative word: Where",
            ),
            (
                "a.rs",
                "/// What the user\n/// wants.\n",
                "a.rs:1: begins with a relative word: What",
            ),
            (
                "a.c",
                "\t/* What it is */\n",
                "a.c:1: begins with a relative word: What",
            ),
            ("Kbuild", "# It is made\n# anew.\n", "Kbuild:1: made anew"),
            (
                "a.rs",
                "say(\"What is left\");\n",
                "a.rs:1: begins with a relative word: What is left",
            ),
            ("a.sh", "echo \"it is made anew\"\n", "a.sh:1: made anew"),
            (
                "a.md",
                "What is it? Who reads a.b knows.\n",
                "a.md:1: begins with a relative word: Who reads a.b knows.",
            ),
        ] {
            let found = judged(name, text);
            assert!(
                found.iter().any(|line| line.starts_with(wanted)),
                "{text}: {found:?}"
            );
        }
        let long = format!("// {}\n", "x".repeat(COLUMNS));
        assert_eq!(judged("a.rs", &long), ["a.rs:1: 103 columns"]);
        assert_eq!(judged("a.md", &long), ["a.md:1: 103 columns"]);
        assert_eq!(judged("a.rs", "fn x() {}\n"), [""; 0]);
    }
}
