// SPDX-License-Identifier: GPL-2.0

//! Parses and compares the module's `counters` file: one name and number on each line.

use std::collections::BTreeMap;

use anyhow::{bail, ensure, Result};

/// One read of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// Parses the file's text.
    pub fn parse(text: &str) -> Result<Self> {
        let values = rdna1_records::Counters::parse(text)?;
        Ok(Self(
            values
                .values()
                .map(|(name, v)| (name.to_owned(), v))
                .collect(),
        ))
    }

    /// Demands that no counter vanished or fell.
    pub fn expect_none_fell(&self, later: &Self) -> Result<()> {
        for (name, before) in &self.0 {
            match later.0.get(name) {
                Some(after) => {
                    ensure!(
                        after >= before,
                        "counter {name} fell from {before} to {after}"
                    );
                }
                None => bail!("counter {name} has vanished"),
            }
        }
        Ok(())
    }

    /// The total rise of the counters whose names contain any of `words`.
    pub fn rise(&self, later: &Self, words: &[&str]) -> u64 {
        let names = later
            .0
            .iter()
            .filter(|(name, _)| words.iter().any(|word| name.contains(word)));
        names
            .map(|(name, after)| after - self.0.get(name).copied().unwrap_or(0).min(*after))
            .sum()
    }

    /// The sum of the counters whose names contain any of `words`.
    pub fn sum(&self, words: &[&str]) -> u64 {
        Self(BTreeMap::new()).rise(self, words)
    }

    /// Demands that the counters named like any of `words` rose by at least `least` in total.
    pub fn expect_rise(&self, later: &Self, words: &[&str], least: u64) -> Result<()> {
        let rise = self.rise(later, words);
        ensure!(
            rise >= least,
            "counters named like {}: expected a rise by {least} or more, seen {rise}\n\
             before {:?}\nafter {:?}",
            words.join("/"),
            self.0,
            later.0
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(lines: &str) -> Result<Counters> {
        Counters::parse(&format!("# rdna1 counters v1\n{lines}"))
    }

    #[test]
    fn rises_and_falls() {
        let before = counters("reads 3\nerrors_eperm 0\n").unwrap();
        let after = counters("reads 5\nerrors_eperm 2\nnew 1\n").unwrap();
        before.expect_none_fell(&after).unwrap();
        assert!(after.expect_none_fell(&before).is_err());
        assert_eq!(before.rise(&after, &["eperm"]), 2);
        before.expect_rise(&after, &["reads"], 2).unwrap();
        assert!(before.expect_rise(&after, &["reads"], 3).is_err());
        assert!(before.expect_rise(&after, &["writes"], 1).is_err());
    }
}
