// SPDX-License-Identifier: GPL-2.0

//! The file `counters`: lines of a name and a number.

use std::collections::BTreeMap;

use anyhow::{bail, ensure, Context, Result};

use super::body;

/// The names and numbers of one read, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters(Vec<(String, u64)>);

impl Counters {
    /// Parses the file's text.
    pub fn parse(text: &str) -> Result<Self> {
        let mut values = Vec::new();
        let mut seen = BTreeMap::new();
        for line in body("counters", text)?.lines() {
            let Some((name, digits)) = line.split_once(' ') else {
                bail!("counters: {line:?} is no line of a name and a value");
            };
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            ensure!(
                !name.is_empty() && name.chars().all(plain),
                "counters: {line:?} has no name, or an odd one"
            );
            // `parse()` would accept a sign.
            ensure!(
                digits.bytes().all(|byte| byte.is_ascii_digit()),
                "counters: {line:?} has no number"
            );
            let value: u64 = digits
                .parse()
                .with_context(|| format!("counters: {line:?} has no number"))?;
            ensure!(
                seen.insert(name, value).is_none(),
                "counters: {name} is there twice"
            );
            values.push((name.to_owned(), value));
        }
        ensure!(
            !values.is_empty(),
            "counters: expected counter lines, seen none"
        );
        Ok(Self(values))
    }

    /// All names and values, in order.
    pub fn values(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.values()
            .find(|(other, _)| *other == name)
            .map(|(_, v)| v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed() {
        for lines in [
            "",
            "reads\n",
            "reads x\n",
            "reads -1\n",
            "reads +1\n",
            "reads \n",
            "reads 1\nreads 2\n",
            "reads 99999999999999999999\n",
            " 1\n",
        ] {
            let text = format!("# rdna1 counters v1\n{lines}");
            assert!(Counters::parse(&text).is_err(), "{lines:?}");
        }
    }
}
