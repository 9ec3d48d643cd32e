// SPDX-License-Identifier: GPL-2.0

//! Reading the module's files: strict about their form, exact about their records.

use anyhow::{bail, ensure, Context, Result};

/// The keys of each file, in order. Version 1 may add keys, at the end only.
const KEYS: &[(&str, &[&str])] = &[
    (
        "gpus",
        &[
            "gpu",
            "device",
            "revision",
            "subsystem",
            "board",
            "driver",
            "node",
            "gpu_id",
            "gfx",
            "bar0_bytes",
            "bar",
            "link_gts",
            "link_width",
            "atomics",
            "kfd",
            "reason",
            "coarse_grained_only",
            "verdict",
            "atomics_hop",
        ],
    ),
    (
        "heaps",
        &[
            "gpu",
            "node",
            "bank",
            "heap",
            "size_bytes",
            "width_bits",
            "mem_clk_max_mhz",
            "flags",
            "coarse_grained_only",
            "fine_grained",
            "verdict",
            "rules",
        ],
    ),
    (
        "flags",
        &[
            "gpu",
            "node",
            "coarse_grained_only",
            "fine_grained_vram",
            "hot_pluggable_vram",
            "xgmi",
            "host_coherent",
            "gfx",
            "claimed_hot_pluggable",
            "claimed_xgmi",
            "claimed_host_coherent",
            "claimed_gfx",
            "verdict",
        ],
    ),
    (
        "checks",
        &[
            "gpu", "node", "bank", "rule", "expected", "observed", "verdict",
        ],
    ),
];

/// One line of `key=value` pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    line: String,
    pairs: Vec<(String, String)>,
}

impl Record {
    /// Takes a line apart; the form is checked, the keys are not.
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

    /// All keys and values, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The value of a key that has to be there.
    pub fn get(&self, key: &str) -> Result<&str> {
        let pair = self.pairs.iter().find(|(k, _)| k == key);
        let (_, value) = pair.with_context(|| format!("no {key}= in record: {}", self.line))?;
        Ok(value)
    }

    /// Whether the record has all these values.
    pub fn has(&self, wanted: &[(&str, &str)]) -> bool {
        wanted
            .iter()
            .all(|(key, value)| self.get(key).is_ok_and(|seen| seen == *value))
    }

    /// Demands all these values, and tells of every one that differs.
    pub fn expect(&self, wanted: &[(&str, &str)]) -> Result<()> {
        let mut wrong = Vec::new();
        for (key, expected) in wanted {
            let seen = self.get(key).unwrap_or("nothing");
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

/// One of the module's record files, as read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    file: String,
    /// The text as it was read.
    pub text: String,
    /// Its records.
    pub records: Vec<Record>,
}

impl Report {
    /// Parses the text of `file`: header, line form and the keys that version 1 promises.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let body = body(file, text)?;
        let Some((_, keys)) = KEYS.iter().find(|(name, _)| *name == file) else {
            bail!("{file} is no file of records");
        };
        let mut records = Vec::new();
        for line in body.lines() {
            let record =
                Record::parse(line).with_context(|| format!("{file}: malformed record"))?;
            let seen: Vec<&str> = record.pairs.iter().map(|(key, _)| key.as_str()).collect();
            ensure!(
                seen.starts_with(keys),
                "{file}: expected the keys {}\nseen the keys {}",
                keys.join(" "),
                seen.join(" ")
            );
            records.push(record);
        }
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            records,
        })
    }

    /// The records that have all these values.
    pub fn select(&self, wanted: &[(&str, &str)]) -> Vec<&Record> {
        self.records
            .iter()
            .filter(|record| record.has(wanted))
            .collect()
    }

    /// The one record that has all these values; none or several are an error.
    pub fn one(&self, wanted: &[(&str, &str)]) -> Result<&Record> {
        let found = self.select(wanted);
        let [record] = found.as_slice() else {
            bail!(
                "{}: expected exactly one record with {}, seen {}\n{}",
                self.file,
                pairs(wanted),
                found.len(),
                self.text
            );
        };
        Ok(record)
    }

    /// Demands that the file has so many records.
    pub fn expect_count(&self, count: usize) -> Result<()> {
        let seen = self.records.len();
        ensure!(
            seen == count,
            "{}: expected {count} records, seen {seen}\n{}",
            self.file,
            self.text
        );
        Ok(())
    }

    /// Demands that no record has all these values.
    pub fn expect_none(&self, wanted: &[(&str, &str)]) -> Result<()> {
        let found = self.select(wanted).len();
        ensure!(
            found == 0,
            "{}: expected no record with {}, seen {found}\n{}",
            self.file,
            pairs(wanted),
            self.text
        );
        Ok(())
    }
}

/// What follows the header line, which has to be this file's, version 1.
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

fn pairs(wanted: &[(&str, &str)]) -> String {
    let words: Vec<String> = wanted.iter().map(|(k, v)| format!("{k}={v}")).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests;
