// SPDX-License-Identifier: GPL-2.0

//! Records: lines of `key=value` pairs.

use anyhow::{bail, ensure, Context, Result};

/// One line of `key=value` pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    line: String,
    pairs: Vec<(String, String)>,
}

impl Record {
    /// Parses a line. Checks its form, and accepts any key.
    pub fn parse(line: &str) -> Result<Self> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for word in line.split(' ') {
            let Some((key, value)) = word.split_once('=') else {
                bail!("{word:?} is no key=value in line {line:?}");
            };
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            ensure!(
                !key.is_empty() && key.chars().all(plain),
                "odd key {key:?} in line {line:?}"
            );
            let printable = |c: char| c.is_ascii_graphic() && c != '"' && c != '\'';
            ensure!(
                !value.is_empty() && value.chars().all(printable),
                "odd value {value:?} of {key} in line {line:?}"
            );
            ensure!(
                pairs.iter().all(|(k, _)| k != key),
                "{key} twice in line {line:?}"
            );
            pairs.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self {
            line: line.to_owned(),
            pairs,
        })
    }

    /// The line as it was read.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// All keys and values, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The value of a key, if the record has it.
    pub fn find(&self, key: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(k, _)| k == key)?;
        Some(&pair.1)
    }

    /// The value of a key; an error if the key is missing.
    pub fn get(&self, key: &str) -> Result<&str> {
        self.find(key)
            .with_context(|| format!("no {key}= in record: {}", self.line))
    }

    /// Whether the record has all these values.
    pub fn has(&self, wanted: &[(&str, &str)]) -> bool {
        wanted
            .iter()
            .all(|(key, value)| self.find(key) == Some(value))
    }

    /// Demands all these values; the error names every one that differs.
    pub fn expect(&self, wanted: &[(&str, &str)]) -> Result<()> {
        let mut wrong = Vec::new();
        for (key, expected) in wanted {
            let seen = self.find(key).unwrap_or("nothing");
            if seen != *expected {
                wrong.push(format!("{key}: expected {expected}, seen {seen}"));
            }
        }
        ensure!(
            wrong.is_empty(),
            "{}\nin record: {}",
            wrong.join("\n"),
            self.line
        );
        Ok(())
    }
}

/// The records of `file`, with any keys.
pub fn records(file: &str, text: &str) -> Result<Vec<Record>> {
    body(file, text)?
        .lines()
        .map(|line| Record::parse(line).with_context(|| format!("{file}: malformed record")))
        .collect()
}

/// The text after the header line; an error if that is not this file's header, version 1.
pub fn body<'a>(file: &str, text: &'a str) -> Result<&'a str> {
    let header = format!("# rdna1 {file} v1\n");
    let Some(body) = text.strip_prefix(header.as_str()) else {
        let seen = text.lines().next().unwrap_or("an empty file");
        bail!(
            "{file}: expected the first line {:?}, seen {seen:?}",
            header.trim_end()
        );
    };
    ensure!(
        body.is_empty() || body.ends_with('\n'),
        "{file}: the last line is cut off:\n{text}"
    );
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_record_is_refused() {
        for line in [
            "",
            "a",
            "a=",
            "=b",
            "a=1  b=2",
            "a=1 b=2 ",
            "a=1 a=2",
            "a=\"x\"",
            "A=1",
            "a=\u{e9}",
            "a=\u{1b}[2J",
        ] {
            assert!(Record::parse(line).is_err(), "{line:?}");
        }
        assert_eq!(Record::parse("a=b=c d=?").unwrap().get("a").unwrap(), "b=c");
    }

    #[test]
    fn what_differs_is_told_all_of_it() {
        let record = Record::parse("node=1 verdict=lie observed=0x1").unwrap();
        let wanted = [
            ("verdict", "truth"),
            ("observed", "0x0"),
            ("node", "1"),
            ("nil", "0"),
        ];
        let why = record.expect(&wanted).unwrap_err().to_string();
        assert!(why.contains("verdict: expected truth, seen lie"), "{why}");
        assert!(why.contains("observed: expected 0x0, seen 0x1"), "{why}");
        assert!(why.contains("nil: expected 0, seen nothing"), "{why}");
        assert!(!why.contains("node: "), "{why}");
    }
}
