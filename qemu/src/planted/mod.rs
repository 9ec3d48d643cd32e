// SPDX-License-Identifier: GPL-2.0

//! Suites whose cases plant defects. Each defect has its own boot, and the judge must name it.

mod data;

use std::path::Path;

use anyhow::{ensure, Result};
use modproof_formats::{words, CaseListing, Listing};

use crate::boot::{Boot, Booter};
use crate::build;
use crate::filter::Filter;
use crate::fleet::Fleet;
use crate::jobs;
use crate::kernels::Kernel;
use crate::plan;
use crate::suites::Suite;
use crate::tally::{Outcome, Row, RowState};
use crate::ui::Activity;
use data::Configuration;
pub use data::Defect;

/// The defects of a suite's file that a filter picks. Without a filter, those of a plain `test`.
pub fn pick(file: &Path, suite: &Suite, wanted: &Filter) -> Result<Vec<Defect>> {
    if !wanted.names(&suite.name) {
        return Ok(Vec::new());
    }
    let mut defects = data::load(file)?;
    defects.retain(|defect| match wanted.names_groups() {
        true => wanted.wants_case(&defect.name),
        false => defect.in_test,
    });
    Ok(defects)
}

/// The row of a planted defect, and details of a failure. An error fails only this row, so the
/// report still shows the others.
fn told(name: &str, planted: Result<(Row, String)>) -> (Row, String) {
    planted.unwrap_or_else(|error| {
        let text = format!("{error:#}");
        let details = format!("not ok {name}: {text}\n");
        (Row::new(name, RowState::Failed, text), details)
    })
}

/// The filter for the cases that plant a defect.
fn cases_of(suite: &Suite, defect: &Defect) -> Result<Filter> {
    Filter::parse(Some(&format!("{}/{}", suite.guest(), defect.cases())))
}

/// Fails if no defect uses one of the guest's cases, or if a defect uses no case.
pub fn check(file: &Path, suite: &Suite, guest: &Listing) -> Result<()> {
    let mut cases = guest.cases_of(suite.guest()).unwrap_or_default().to_vec();
    for defect in data::load(file)?.iter().filter(|defect| defect.initramfs) {
        let planted = cases_of(suite, defect)?;
        let before = cases.len();
        cases.retain(|case| !planted.wants_case(&case.name));
        ensure!(
            cases.len() < before,
            "the defect {} plants no case of the guest",
            defect.name
        );
    }
    let names: Vec<_> = cases.iter().map(|case| &*case.name).collect();
    ensure!(
        names.is_empty(),
        "no defect plants the guest's {}",
        names.join(", ")
    );
    Ok(())
}

/// The settings to plant the defects of a suite.
pub struct Planting<'a> {
    /// Runs the guests. All of them boot cold, as a defect may be in the boot.
    pub fleet: &'a Fleet<'a>,
    /// The guest with the modules that plant the defects.
    pub guest: &'a build::Guest,
    /// The kernel's entry.
    pub kernel: &'a Kernel,
    /// The suite.
    pub suite: &'a Suite,
}

impl Planting<'_> {
    /// Plants each defect that the filter picks, in its own boot.
    pub fn run(&self, wanted: &Filter) -> Result<Outcome> {
        let Fleet {
            context,
            ready,
            guests,
            ..
        } = *self.fleet;
        let Some(file) = &self.suite.planted else {
            return Ok(Outcome::default());
        };
        let defects = pick(file, self.suite, wanted)?;
        let kernel = Configuration::read(&ready.object().join(".config"))?;
        let empty = self.guest.without_files();
        let mut outcome = Outcome {
            note: "planted, each to be caught and named".to_owned(),
            ..Outcome::default()
        };
        let known = context.listing()?.cases_of(self.suite.guest());
        let (seen, unseen): (Vec<_>, Vec<_>) = defects
            .iter()
            .map(|defect| (defect, defect.skipped_by(&kernel)))
            .partition(|(_, why)| why.is_none());
        for (defect, why) in unseen {
            let why = why.unwrap_or_default();
            let said = format!("skipped {}: {why}\n", defect.name);
            outcome.details.push_str(&said);
            outcome.push(Row::new(&*defect.name, RowState::Skipped, why));
        }

        let jobs = guests.jobs();
        let what = format!("boot: {} with a defect, {jobs} at once", seen.len());
        let activity = context.ui.begin_many(what, seen.len());
        let plant = |(defect, _): &(&Defect, _)| {
            let guest = if defect.initramfs { self.guest } else { &empty };
            self.plant(defect, known, &kernel, guest, &activity)
        };
        let mut planted = Vec::new();
        jobs::run(jobs, &seen, plant, |number, result| {
            activity.advance();
            planted.push((number, result));
        });
        activity.clear();
        planted.sort_by_key(|(number, _)| *number);
        for (number, result) in planted {
            let (row, details) = told(&seen[number].0.name, result);
            outcome.details.push_str(&details);
            outcome.push(row);
        }
        Ok(outcome)
    }

    /// Plants a defect. Returns its row, and details of a failure.
    fn plant(
        &self,
        defect: &Defect,
        known: Option<&[CaseListing]>,
        kernel: &Configuration,
        guest: &build::Guest,
        activity: &Activity,
    ) -> Result<(Row, String)> {
        let Fleet {
            context,
            ready,
            guests,
            accelerator,
            ..
        } = *self.fleet;
        let usual = context.booter(guests, ready, guest, accelerator)?;
        let booter = Booter {
            pool: None,
            // The judge examines how a hang ended, so a user's limit must not apply.
            limit: None,
            words: "",
            ..usual
        };
        let suite = self.kernel.suite(&defect.suite(self.suite));
        let wanted = cases_of(self.suite, defect)?;
        let boot = Boot {
            name: suite.name.clone(),
            suite: &suite,
            words: words::word(words::CASES, defect.cases()),
            cases: known.map(|known| plan::wanted_of(known, &wanted)),
            warm: false,
            live: false,
        };
        let booted = booter.run(&boot, activity)?;
        let console = booted.console_path();
        let mut details = String::new();
        let (state, text) = match defect.check(kernel, &booted.verdict) {
            Ok(named) => (RowState::Passed, named),
            Err(error) => (RowState::Failed, format!("{error:#}")),
        };
        if state == RowState::Failed {
            details = format!(
                "not ok {}: {text}\nconsole log: {}\n",
                defect.name,
                console.display()
            );
        }
        let row = Row {
            seconds: Some(booted.took.as_secs_f64()),
            log: Some(console),
            ..Row::new(&*defect.name, state, text)
        };
        Ok((row, details))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planting_that_could_not_be_done_has_failed() {
        let error = anyhow::anyhow!("no disk left").context("cannot write the console's log");
        let (row, details) = told("oops", Err(error));
        assert_eq!((&*row.name, row.state), ("oops", RowState::Failed));
        assert!(row.text.contains("no disk left"), "{}", row.text);
        assert!(details.starts_with("not ok oops: "), "{details}");
        let done = (Row::new("oops", RowState::Passed, "named"), String::new());
        assert_eq!(told("oops", Ok(done.clone())), done);
    }
}
