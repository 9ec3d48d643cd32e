// SPDX-License-Identifier: GPL-2.0

//! Parses the module's record files and demands their exact form and records.

use anyhow::{bail, ensure, Result};

pub use rdna1_records::Record;

/// The keys of each file, in order. Within version 1, new keys are added only at the end.
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

/// One read of one of the module's record files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    file: String,
    /// The unparsed text.
    pub text: String,
    /// Its records.
    pub records: Vec<Record>,
}

impl Report {
    /// Checks the header, the form of each line and the keys that version 1 promises.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let Some((_, keys)) = KEYS.iter().find(|(name, _)| *name == file) else {
            bail!("{file} is no file of records");
        };
        let records = rdna1_records::records(file, text)?;
        for record in &records {
            let seen: Vec<&str> = record.pairs().map(|(key, _)| key).collect();
            ensure!(
                seen.starts_with(keys),
                "{file}: expected the keys {}\nseen the keys {}",
                keys.join(" "),
                seen.join(" ")
            );
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

    /// The only record that has all these values; fails if there are none or several.
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

    /// Demands that the file has `count` records.
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

fn pairs(wanted: &[(&str, &str)]) -> String {
    let words: Vec<String> = wanted.iter().map(|(k, v)| format!("{k}={v}")).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests;
