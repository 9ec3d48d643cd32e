// SPDX-License-Identifier: GPL-2.0

//! Parses the guest's KTAP stream.

use std::time::Duration;

use modproof_formats::words;

/// The first line of a stream.
const VERSION: &str = "KTAP version 1";

/// The text after the prefix of the closing line, if the line has that prefix.
pub fn closing(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("# ")?.strip_prefix(words::VERDICT)?;
    rest.strip_prefix(": ")
}

/// A case of the guest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Case {
    /// The name of the case.
    pub name: String,
    /// The result of the case.
    pub outcome: Outcome,
    /// The comment lines before the result.
    pub notes: Vec<String>,
    /// The number of the result's line in the stream.
    pub line: usize,
}

/// The result of a case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// `ok`.
    Passed,
    /// `not ok`.
    Failed,
    /// `ok ... # SKIP`.
    Skipped(String),
}

/// The guest's closing line, with its verdict.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Closing {
    /// Whether the verdict is `pass`.
    pub pass: bool,
    /// The counts in the line: passed, failed, skipped.
    pub counts: Option<[usize; 3]>,
}

/// A parsed stream, which may be incomplete.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Stream {
    /// The number of cases in the plan, `1..N`.
    pub plan: Option<usize>,
    /// The cases in their order.
    pub cases: Vec<Case>,
    /// Comment lines after the last result.
    pub notes: Vec<String>,
    /// Every closing line.
    pub closings: Vec<Closing>,
    /// Whether anything follows the first closing line.
    pub after_closing: bool,
    /// Whether the last line lacks its newline.
    pub cut_off: bool,
    /// Result lines whose number is not the next one.
    pub misnumbered: Vec<String>,
    /// How many version lines and how many plans the stream has.
    pub headers: [usize; 2],
    /// Lines that are not KTAP.
    pub strays: Vec<String>,
    /// The number of the plan's line in the stream.
    plan_line: Option<usize>,
}

impl Stream {
    /// Whether a case has a result, and all its results are passes.
    pub fn passed(&self, name: &str) -> bool {
        let mut results = self
            .cases
            .iter()
            .filter(|case| case.name == name)
            .peekable();
        results.peek().is_some() && results.all(|case| case.outcome == Outcome::Passed)
    }

    /// Parses a stream.
    pub fn parse(text: &str) -> Self {
        let mut stream = Self {
            cut_off: !text.is_empty() && !text.ends_with('\n'),
            ..Self::default()
        };
        let mut notes = Vec::new();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for (number, line) in whole.split('\n').map(str::trim_end).enumerate() {
            if let Some(closing) = closing(line) {
                stream.closings.push(parse_closing(closing));
                continue;
            }
            if line.is_empty() {
                continue;
            }
            stream.after_closing |= !stream.closings.is_empty();
            if let Some(note) = line.strip_prefix('#') {
                notes.push(note.strip_prefix(' ').unwrap_or(note).to_owned());
            } else if line == VERSION {
                stream.headers[0] += 1;
            } else if let Some(plan) = line.strip_prefix("1..") {
                stream.headers[1] += 1;
                stream.plan = plan.trim().parse().ok();
                stream.plan_line.get_or_insert(number);
            } else if let Some((place, mut case)) = parse_case(line) {
                case.notes = std::mem::take(&mut notes);
                case.line = number;
                stream.cases.push(case);
                if place != Some(stream.cases.len()) {
                    stream.misnumbered.push(line.to_owned());
                }
            } else {
                stream.strays.push(line.to_owned());
            }
        }
        stream.notes = notes;
        stream
    }

    /// The duration of each case, from the previous result (or the plan) to its own result.
    /// `stamps` are the times at which the host received the end of each line.
    pub fn durations(&self, stamps: &[Duration]) -> Vec<Option<Duration>> {
        let at = |line: usize| stamps.get(line).copied();
        let mut before = self.plan_line.and_then(at);
        let mut durations = Vec::new();
        for case in &self.cases {
            let end = at(case.line);
            durations.push(before.zip(end).map(|(from, to)| to.saturating_sub(from)));
            before = end;
        }
        durations
    }

    /// How many passed, failed and were skipped.
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for case in &self.cases {
            counts[match case.outcome {
                Outcome::Passed => 0,
                Outcome::Failed => 1,
                Outcome::Skipped(_) => 2,
            }] += 1;
        }
        counts
    }
}

fn parse_case(line: &str) -> Option<(Option<usize>, Case)> {
    let (failed, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("ok")?),
    };
    if !rest.starts_with(' ') {
        return None;
    }
    let (number, rest) = match rest.trim_start().split_once(' ') {
        Some((number, rest)) => (number.parse().ok(), rest),
        None => (rest.trim().parse().ok(), ""),
    };
    let rest = rest.trim_start_matches(['-', ' ']);
    let (name, directive) = match rest.split_once(" # ") {
        Some((name, directive)) => (name, directive),
        None => (rest, ""),
    };
    let skipped = directive
        .get(..4)
        .is_some_and(|d| d.eq_ignore_ascii_case("SKIP"));
    let outcome = match (failed, skipped) {
        (true, _) => Outcome::Failed,
        (false, true) => Outcome::Skipped(directive[4..].trim().to_owned()),
        (false, false) => Outcome::Passed,
    };
    let case = Case {
        name: name.trim().to_owned(),
        outcome,
        notes: Vec::new(),
        line: 0,
    };
    Some((number, case))
}

fn parse_closing(text: &str) -> Closing {
    let mut words = text.split_whitespace();
    let pass = words.next() == Some("pass");
    let mut count = |key: &str| -> Option<usize> {
        words
            .next()?
            .strip_prefix(key)?
            .strip_prefix('=')?
            .parse()
            .ok()
    };
    let counts = match (count("passed"), count("failed"), count("skipped")) {
        (Some(passed), Some(failed), Some(skipped)) => Some([passed, failed, skipped]),
        _ => None,
    };
    Closing { pass, counts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_stream() {
        let stream = Stream::parse(
            "KTAP version 1\n1..3\n# first\nok 1 one\n# because\nnot ok 2 two\n\
             ok 3 three # SKIP no such thing\n# modproof verdict: fail passed=1 failed=1 skipped=1\n",
        );
        assert_eq!(stream.plan, Some(3));
        assert_eq!(stream.counts(), [1, 1, 1]);
        assert_eq!(stream.cases[1].notes, ["because"]);
        assert_eq!(
            stream.cases[2].outcome,
            Outcome::Skipped("no such thing".to_owned())
        );
        assert_eq!(
            stream.closings,
            [Closing {
                pass: false,
                counts: Some([1, 1, 1])
            }]
        );
        assert!(!stream.cut_off && !stream.after_closing && stream.misnumbered.is_empty());
    }

    #[test]
    fn rubbish_is_no_case() {
        for text in ["", "\n", "ok", "okay 1 x\n", "not  ok 1\n", "1..x\n", "#\n"] {
            let stream = Stream::parse(text);
            assert_eq!(stream.cases, [], "{text:?}");
            let silent = text.trim().is_empty() || text.starts_with('#') || stream.cut_off;
            let planned = stream.headers[1] > 0;
            assert_eq!(stream.strays.is_empty(), silent || planned, "{text:?}");
        }
    }

    #[test]
    fn a_case_takes_from_the_result_before_to_its_own() {
        let stream = Stream::parse("KTAP version 1\n1..2\n# a\nok 1 a\n\nok 2 b\nok 3 c\n");
        let stamps: Vec<_> = [1, 2, 3, 10, 11, 15].map(Duration::from_secs).into();
        assert_eq!(
            stream.durations(&stamps),
            [
                Some(Duration::from_secs(8)),
                Some(Duration::from_secs(5)),
                None
            ]
        );
    }

    #[test]
    fn half_a_line_is_no_result() {
        let stream = Stream::parse("KTAP version 1\n1..1\nok 1 on");
        assert!(stream.cut_off);
        assert_eq!(stream.cases, []);
    }

    #[test]
    fn numbers_must_count_up() {
        let stream = Stream::parse("1..2\nok 1 a\nok 1 a\n");
        assert_eq!(stream.misnumbered, ["ok 1 a"]);
    }
}
