// SPDX-License-Identifier: GPL-2.0

//! Parses a guest's measurements: lines `measured name=… unit=… median=…` in the notes of its
//! cases.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use modproof::judge::ktap::Stream;

const WORD: &str = "measured ";

/// One figure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Figure {
    /// The median of all measurements.
    pub median: u64,
    /// The smallest measurement.
    pub least: u64,
    /// The largest measurement.
    pub most: u64,
}

/// Figures by name.
#[derive(Debug, Default)]
pub struct Measured(BTreeMap<String, Figure>);

impl Measured {
    /// The figures of a guest. A `measured` line that does not parse is an error.
    pub fn of(stream: &Stream) -> Result<Self> {
        let notes = stream.cases.iter().flat_map(|case| &case.notes);
        let mut all = Self::default();
        for line in notes.filter_map(|note| note.strip_prefix(WORD)) {
            let (name, figure) =
                parse(line).with_context(|| format!("not understood: {WORD}{line}"))?;
            all.0.insert(name, figure);
        }
        Ok(all)
    }

    /// Adds a figure that the host measured.
    pub fn add(&mut self, name: &str, value: u64) {
        let figure = Figure {
            median: value,
            least: value,
            most: value,
        };
        self.0.insert(name.to_owned(), figure);
    }

    /// The figure of that name.
    pub fn get(&self, name: &str) -> Option<Figure> {
        self.0.get(name).copied()
    }

    /// All names and medians.
    pub fn medians(&self) -> impl Iterator<Item = (&str, u64)> {
        let all = self.0.iter();
        all.map(|(name, figure)| (name.as_str(), figure.median))
    }
}

fn parse(line: &str) -> Option<(String, Figure)> {
    let words: BTreeMap<_, _> = line
        .split(' ')
        .map(|word| word.split_once('='))
        .collect::<Option<_>>()?;
    let number = |key| words.get(key)?.parse().ok();
    let figure = Figure {
        median: number("median")?,
        least: number("least")?,
        most: number("most")?,
    };
    Some(((*words.get("name")?).to_owned(), figure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_from_the_notes_of_cases() {
        let text = "KTAP version 1\n1..1\n# a note\n\
                    # measured name=a.b unit=instructions median=2 least=1 most=9 times=5\n\
                    ok 1 reads\n";
        let measured = Measured::of(&Stream::parse(text)).expect("figures");
        let figure = measured.get("a.b").expect("a figure");
        assert_eq!((figure.least, figure.median, figure.most), (1, 2, 9));
        assert_eq!(measured.medians().collect::<Vec<_>>(), [("a.b", 2)]);
    }

    #[test]
    fn a_line_that_is_cut_off_is_an_error() {
        let text = "KTAP version 1\n1..1\n# measured name=a median=2\nok 1 reads\n";
        let error = Measured::of(&Stream::parse(text)).expect_err("no figure");
        assert!(error.to_string().contains("name=a median=2"), "{error}");
    }
}
