// SPDX-License-Identifier: GPL-2.0

//! Is the judge any good? Defects are planted in boots of their own: each must
//! be caught, and named as what it is.

mod data;

use std::path::Path;

use anyhow::{ensure, Result};
use modproof_formats::{CaseListing, Listing};

use crate::accel::Accelerator;
use crate::boot::{Boot, Booter};
use crate::build;
use crate::config::{Suite, Suites};
use crate::filter::Filter;
use crate::jobs;
use crate::kernels::Kernel;
use crate::plan;
use crate::provision::Ready;
use crate::tally::{Outcome, Row, RowState};
use crate::ui::Activity;
use crate::{Context, Guests};
use data::Configuration;
pub use data::Defect;

/// The group's name, and what it shows.
pub const GROUP: (&str, &str) = (data::SUITE, "defects planted, each to be caught and named");

/// The defects that a filter picks: without one, only the short choice.
pub fn pick(repo: &Path, wanted: &Filter) -> Result<Vec<Defect>> {
    if !wanted.names(GROUP.0) {
        return Ok(Vec::new());
    }
    let mut defects = data::load(repo)?;
    defects.retain(|defect| match wanted.names_groups() {
        true => wanted.wants_case(&defect.name),
        false => defect.in_test,
    });
    Ok(defects)
}

/// The row of a planting, and words for a failure. One that could not be done
/// has failed, and keeps no other from being told.
fn told(name: &str, planted: Result<(Row, String)>) -> (Row, String) {
    planted.unwrap_or_else(|error| {
        let text = format!("{error:#}");
        let details = format!("not ok {name}: {text}\n");
        (Row::new(name, RowState::Failed, text), details)
    })
}

/// Fails if the guest has a case that no defect plants, or a defect plants none.
pub fn check(repo: &Path, guest: &Listing) -> Result<()> {
    let mut cases = guest.cases_of(GROUP.0).unwrap_or_default().to_vec();
    for defect in data::load(repo)?.iter().filter(|defect| defect.initramfs) {
        let planted = Filter::parse(Some(&format!("{}/{}", GROUP.0, defect.cases())))?;
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

/// What planting goes by.
pub struct Planting<'a> {
    /// The cache, the progress.
    pub context: &'a Context,
    /// How guests are run. These are all booted, for each begins with its kernel.
    pub guests: &'a Guests,
    /// The kernel's entry.
    pub kernel: &'a Kernel,
    /// The kernel.
    pub ready: &'a Ready,
    /// What runs it.
    pub accelerator: &'a Accelerator,
    /// The guest that has the module with the defects.
    pub guest: &'a build::Guest,
}

impl Planting<'_> {
    /// Plants each, in a boot of its own.
    pub fn run(&self, defects: &[Defect]) -> Result<Outcome> {
        let suites = Suites::load(&self.context.repo)?;
        let common = suites.find(GROUP.0)?;
        let kernel = Configuration::read(&self.ready.object().join(".config"))?;
        let empty = self.guest.without_programs();
        let mut outcome = Outcome {
            note: "planted, each to be caught and named".to_owned(),
            ..Outcome::default()
        };
        let known = self.context.listing()?.cases_of(common.guest());
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

        let jobs = self.guests.jobs();
        let what = format!("boot: {} with a defect, {jobs} at once", seen.len());
        let activity = self.context.ui.begin_many(what, seen.len());
        let plant = |(defect, _): &(&Defect, _)| {
            let guest = if defect.initramfs { self.guest } else { &empty };
            self.plant(defect, common, known, &kernel, guest, &activity)
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

    /// Plants one. Gives its row, and words for a failure.
    fn plant(
        &self,
        defect: &Defect,
        common: &Suite,
        known: Option<&[CaseListing]>,
        kernel: &Configuration,
        guest: &build::Guest,
        activity: &Activity,
    ) -> Result<(Row, String)> {
        let usual = self
            .context
            .booter(self.guests, self.ready, guest, self.accelerator)?;
        let booter = Booter {
            pool: None,
            // How a hang is ended is part of what is judged.
            limit: None,
            words: "",
            ..usual
        };
        let suite = self.kernel.suite(&defect.suite(common));
        let wanted = Filter::parse(Some(&format!("{}/{}", GROUP.0, defect.cases())))?;
        let boot = Boot {
            name: suite.name.clone(),
            suite: &suite,
            words: format!("rdna1.cases={}", defect.cases()),
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
