// SPDX-License-Identifier: GPL-2.0

//! Writes Prometheus' text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! node_exporter reads no other format. The client crate with a licence that fits this program's
//! writes OpenMetrics, in which a counter's family and its samples have different names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{ensure, Result};

/// The behaviour of a family's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They only rise. Samples with the same labels are added up.
    Counter,
    /// They rise and fall. Of samples with the same labels, the largest counts.
    Gauge,
}

/// All samples of one metric.
#[derive(Debug, Clone)]
pub struct Family {
    name: String,
    help: &'static str,
    kind: Kind,
    labels: Vec<String>,
    samples: BTreeMap<Vec<String>, u64>,
}

impl Family {
    /// A family without samples. Its samples will have these labels.
    ///
    /// # Errors
    ///
    /// A name that the format does not allow, or a duplicate label.
    pub fn new(kind: Kind, name: &str, help: &'static str, labels: &[&str]) -> Result<Self> {
        ensure!(is_name(name), "{name:?} cannot name a metric");
        for (index, label) in labels.iter().enumerate() {
            ensure!(is_label(label), "{label:?} cannot name a label of {name}");
            let again = labels.iter().skip(index + 1).any(|other| other == label);
            ensure!(!again, "{name} has the label {label} twice");
        }
        Ok(Self {
            name: name.to_owned(),
            help,
            kind,
            labels: labels.iter().copied().map(str::to_owned).collect(),
            samples: BTreeMap::new(),
        })
    }

    /// Adds a sample, with a value for each label.
    ///
    /// # Errors
    ///
    /// The number of values differs from the number of labels.
    pub fn add(&mut self, values: &[&str], number: u64) -> Result<()> {
        ensure!(
            values.len() == self.labels.len(),
            "{} has {} labels, not {}",
            self.name,
            self.labels.len(),
            values.len()
        );
        let values = values.iter().copied().map(str::to_owned).collect();
        let there = self.samples.entry(values).or_default();
        *there = match self.kind {
            Kind::Counter => there.saturating_add(number),
            Kind::Gauge => number.max(*there),
        };
        Ok(())
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        if self.samples.is_empty() {
            return Ok(());
        }
        let kind = match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        writeln!(text, "# HELP {} {}", self.name, escaped(self.help, false))?;
        writeln!(text, "# TYPE {} {kind}", self.name)?;
        for (values, number) in &self.samples {
            let pairs = self.labels.iter().zip(values);
            let pairs = pairs.map(|(label, value)| format!("{label}=\"{}\"", escaped(value, true)));
            let pairs: Vec<_> = pairs.collect();
            let labels = if pairs.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", pairs.join(","))
            };
            writeln!(text, "{}{labels} {number}", self.name)?;
        }
        Ok(())
    }
}

/// The text of these families. Families without samples are left out.
///
/// # Errors
///
/// Two families have the same name.
pub fn text(families: &[Family]) -> Result<String> {
    let mut text = String::new();
    for (index, family) in families.iter().enumerate() {
        let mut later = families.iter().skip(index + 1);
        let again = later.any(|other| other.name == family.name);
        ensure!(!again, "there are two metrics {}", family.name);
        family.write(&mut text)?;
    }
    Ok(text)
}

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`
fn is_name(name: &str) -> bool {
    is_label(&name.replace(':', "_"))
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, and not `__…`, which Prometheus reserves.
fn is_label(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins_well = |c: char| !c.is_ascii_digit();
    name.starts_with(begins_well) && name.chars().all(plain) && !name.starts_with("__")
}

/// Escapes a text for one line; `quoted` is for a label's value.
fn escaped(text: &str, quoted: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quoted {
        text.replace('"', "\\\"")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parses a sample line by the format's description; `None` if it is malformed.
    fn sample(line: &str) -> Option<(Vec<String>, u64)> {
        let (_, rest) = line.split_once('{')?;
        let mut rest = rest.chars();
        let mut values = Vec::new();
        loop {
            rest.by_ref().find(|&c| c == '"')?;
            let mut value = String::new();
            loop {
                match rest.next()? {
                    '"' => break,
                    '\\' => value.push(match rest.next()? {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        _ => return None,
                    }),
                    c => value.push(c),
                }
            }
            values.push(value);
            match rest.next()? {
                ',' => {}
                '}' => break,
                _ => return None,
            }
        }
        Some((values, rest.as_str().strip_prefix(' ')?.parse().ok()?))
    }

    proptest! {
        /// A value with any characters can be read back from the text.
        #[test]
        fn what_goes_in_comes_out(
            samples in proptest::collection::btree_map(
                ("(\\PC|[\"\\\\\n,={} #])*", "[a\"\\\\\n]{0,4}"), any::<u64>(), 1..9),
        ) {
            let mut family = Family::new(Kind::Gauge, "a_b", "h", &["x", "y"]).unwrap();
            for ((x, y), number) in &samples {
                family.add(&[x, y], *number).unwrap();
            }
            let text = text(&[family]).unwrap();
            let mut lines = text.split_terminator('\n');
            prop_assert_eq!(lines.next(), Some("# HELP a_b h"));
            prop_assert_eq!(lines.next(), Some("# TYPE a_b gauge"));
            let seen: Vec<_> = lines.map(|line| sample(line).expect(line)).collect();
            let put: Vec<_> = samples.into_iter().map(|((x, y), n)| (vec![x, y], n)).collect();
            prop_assert_eq!(seen, put);
        }

        /// Every accepted name is valid.
        #[test]
        fn names(name in "[a-z0-9_:é \"{-]{0,4}") {
            let regex = regex_lite::Regex::new("^[a-zA-Z_:][a-zA-Z0-9_:]*$").unwrap();
            let taken = Family::new(Kind::Counter, &name, "h", &[]).is_ok();
            prop_assert!(!taken || regex.is_match(&name));
            let taken = Family::new(Kind::Counter, "a", "h", &[&name]).is_ok();
            prop_assert!(!taken || (regex.is_match(&name) && !name.contains(':')));
        }
    }

    #[test]
    fn names_that_are_taken() {
        for name in ["a", "rdna1_requests_alloc_total", "_a9", "a:b"] {
            assert!(Family::new(Kind::Counter, name, "h", &[]).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_comes_twice() {
        let mut counter = Family::new(Kind::Counter, "c_total", "h", &[]).unwrap();
        let mut gauge = Family::new(Kind::Gauge, "g", "h", &["x"]).unwrap();
        for number in [1, 5, 3] {
            counter.add(&[], number).unwrap();
            gauge.add(&["1"], number).unwrap();
        }
        assert!(gauge.add(&[], 1).is_err());
        let families = [counter.clone(), gauge];
        assert_eq!(
            text(&families).unwrap(),
            "# HELP c_total h\n# TYPE c_total counter\nc_total 9\n\
             # HELP g h\n# TYPE g gauge\ng{x=\"1\"} 5\n"
        );
        assert!(text(&[counter.clone(), counter]).is_err());
        assert!(Family::new(Kind::Gauge, "g", "h", &["x", "x"]).is_err());
    }

    #[test]
    fn a_family_without_samples_is_left_out() {
        let family = Family::new(Kind::Gauge, "g", "h", &[]).unwrap();
        assert_eq!(text(&[family]).unwrap(), "");
    }
}
