// SPDX-License-Identifier: GPL-2.0

//! Compares the module's report of a card with libhsakmt's, value by value.

use std::collections::BTreeMap;

use anyhow::{ensure, Context, Result};

use super::lists::{BOTH, OBSERVED, ONLY_OURS, ONLY_THEIRS};
use super::theirs::{Form, Theirs};
use super::Topology;
use crate::report::Record;
use crate::truth::View;

/// A mismatch that the comparison demands.
#[derive(Debug, Clone, Copy)]
pub struct Difference<'a> {
    /// The value's name in [`Compared`].
    pub name: &'a str,
    /// The module's value.
    pub ours: &'a str,
    /// libhsakmt's.
    pub theirs: &'a str,
}

/// The equal values by name: `FILE.KEY`, or `checks.RULE` for the value that a rule observed.
pub type Compared = BTreeMap<String, String>;

/// Compares every value that both report for a card. Fails on a mismatch and on a value in no list.
pub fn compare(
    view: &View,
    topology: &Topology,
    gpu: &str,
    differences: &[Difference<'_>],
) -> Result<Compared> {
    let mut comparison = Comparison {
        theirs: Theirs::at(topology, gpu)?,
        differences,
        differed: Vec::new(),
        equal: Compared::new(),
        wrong: Vec::new(),
    };
    comparison.all(view, gpu)?;
    comparison.expect_all_compared();
    let Comparison { equal, wrong, .. } = comparison;
    ensure!(
        wrong.is_empty(),
        "{gpu}: the module and libhsakmt:\n{}",
        wrong.join("\n")
    );
    ensure!(!equal.is_empty(), "{gpu}: not one value was compared");
    Ok(equal)
}

struct Comparison<'a> {
    theirs: Theirs<'a>,
    differences: &'a [Difference<'a>],
    differed: Vec<String>,
    equal: Compared,
    wrong: Vec<String>,
}

impl Comparison<'_> {
    fn all(&mut self, view: &View, gpu: &str) -> Result<()> {
        let card = [("gpu", gpu)];
        self.record("gpus", view.gpus.one(&card)?)?;
        self.record("flags", view.flags.one(&card)?)?;
        let heaps = view.heaps.select(&card);
        if heaps.len() != self.theirs.bank_count() {
            let (ours, theirs) = (heaps.len(), self.theirs.bank_count());
            self.wrong
                .push(format!("banks: the module has {ours}, libhsakmt {theirs}"));
        }
        for heap in heaps {
            self.theirs.select_bank(Some(heap.get("bank")?))?;
            self.record("heaps", heap)?;
        }
        for (rule, form) in OBSERVED {
            self.rule(
                rule,
                &view.checks.select(&[("gpu", gpu), ("rule", rule)]),
                *form,
            )?;
        }
        for check in view.checks.select(&card) {
            let rule = check.get("rule")?;
            if !OBSERVED.iter().any(|(known, _)| *known == rule) {
                self.wrong.push(format!("checks.{rule}: is in no list"));
            }
        }
        Ok(())
    }

    /// Compares a record of the module; each of its keys must be in `BOTH` or `ONLY_OURS`.
    fn record(&mut self, file: &str, record: &Record) -> Result<()> {
        for (_, key, form) in BOTH.iter().filter(|(of, ..)| *of == file) {
            let name = format!("{file}.{key}");
            match record.get(key) {
                Ok(ours) => self.value(name, Some(ours), *form)?,
                Err(_) => self.wrong.push(format!("{name}: the module has none")),
            }
        }
        for (key, _) in record.pairs() {
            let both = BOTH.iter().any(|(of, k, _)| *of == file && *k == key);
            let ours = ONLY_OURS.iter().any(|(of, k, _)| *of == file && *k == key);
            if !both && !ours {
                self.wrong.push(format!("{file}.{key}: is in no list"));
            }
        }
        Ok(())
    }

    /// Compares the value that a rule observed, for the card or for each bank.
    fn rule(&mut self, rule: &str, checks: &[&Record], form: Form) -> Result<()> {
        let name = format!("checks.{rule}");
        if checks.is_empty() {
            self.theirs.select_bank(None)?;
            return self.value(name, None, form);
        }
        for check in checks {
            let bank = Some(check.get("bank")?).filter(|bank| *bank != "-");
            self.theirs.select_bank(bank)?;
            self.value(name.clone(), Some(check.get("observed")?), form)?;
        }
        Ok(())
    }

    fn value(&mut self, name: String, ours: Option<&str>, form: Form) -> Result<()> {
        let theirs = form(&self.theirs).with_context(|| name.clone())?;
        let listed = self.differences.iter().find(|d| d.name == name);
        match (ours, theirs, listed) {
            (Some(ours), Some(theirs), None) if ours == theirs => {
                self.equal.insert(name, theirs);
            }
            (None, None, None) => {}
            (Some(ours), Some(theirs), Some(listed))
                if (ours, theirs.as_str()) == (listed.ours, listed.theirs) =>
            {
                self.differed.push(name);
            }
            (ours, theirs, listed) => {
                let word = |value: Option<&str>| value.unwrap_or("nothing").to_owned();
                let listed = listed.map_or(String::new(), |d| {
                    format!(", expected {} and {}", d.ours, d.theirs)
                });
                self.wrong.push(format!(
                    "{name}: {} and {}{listed}",
                    word(ours),
                    word(theirs.as_deref())
                ));
            }
        }
        Ok(())
    }

    /// Demands each expected mismatch, and that no key of libhsakmt is in no list or in two.
    fn expect_all_compared(&mut self) {
        for difference in self.differences {
            if !self.differed.iter().any(|name| name == difference.name) {
                let name = difference.name;
                self.wrong
                    .push(format!("{name}: expected to differ, does not"));
            }
        }
        let read = self.theirs.keys_read();
        for key in self.theirs.keys() {
            let listed = ONLY_THEIRS.iter().any(|(theirs, _)| *theirs == key);
            if listed == read.contains(&key) {
                let how = if listed {
                    "compared, too"
                } else {
                    "in no list"
                };
                self.wrong.push(format!("libhsakmt's {key}: is {how}"));
            }
        }
    }
}
