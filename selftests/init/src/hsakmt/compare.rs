// SPDX-License-Identifier: GPL-2.0

//! Holds what the module says of a card against what libhsakmt says, value by value.

use std::collections::BTreeMap;

use anyhow::{ensure, Context, Result};

use super::lists::{BOTH, OBSERVED, ONLY_OURS, ONLY_THEIRS};
use super::theirs::{Form, Theirs};
use super::Topology;
use crate::report::Record;
use crate::truth::View;

/// A value in which the two differ, and have to.
#[derive(Debug, Clone, Copy)]
pub struct Difference<'a> {
    /// What it is called in [`Compared`].
    pub name: &'a str,
    /// The module's value.
    pub ours: &'a str,
    /// libhsakmt's.
    pub theirs: &'a str,
}

/// The values that are equal, by name: `FILE.KEY`, or `checks.RULE` for what a rule has observed.
pub type Compared = BTreeMap<String, String>;

/// Compares all that both say of a card, and demands that nothing is left over.
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
    comparison.nothing_is_left();
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
    /// The names of those of the differences that were seen.
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
            self.theirs.turn_to_bank(Some(heap.get("bank")?))?;
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

    /// Every key of one of our records is compared or listed as ours alone.
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

    /// What a rule has observed, of the card or of each bank.
    fn rule(&mut self, rule: &str, checks: &[&Record], form: Form) -> Result<()> {
        let name = format!("checks.{rule}");
        if checks.is_empty() {
            self.theirs.turn_to_bank(None)?;
            return self.value(name, None, form);
        }
        for check in checks {
            let bank = Some(check.get("bank")?).filter(|bank| *bank != "-");
            self.theirs.turn_to_bank(bank)?;
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

    /// Every difference was met, and every key of theirs is compared or listed as theirs alone.
    fn nothing_is_left(&mut self) {
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
