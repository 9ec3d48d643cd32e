// SPDX-License-Identifier: GPL-2.0

//! Runs several guests of one kernel at once, and reports their results in order.

use std::cmp::Reverse;

use anyhow::{anyhow, Result};

use crate::accel::Accelerator;
use crate::boot::{Boot, Booted};
use crate::build;
use crate::context::Context;
use crate::extension::Extension;
use crate::filter::Filter;
use crate::jobs;
use crate::options::Guests;
use crate::plan;
use crate::provision::Ready;
use crate::report::boot::outcome;
use crate::suites::Suite;
use crate::tally::Outcome;

/// Runs guests on a kernel.
#[derive(Clone, Copy)]
pub struct Fleet<'a> {
    /// The project and the cache.
    pub context: &'a Context,
    /// The user's options.
    pub guests: &'a Guests,
    /// The kernel.
    pub ready: &'a Ready,
    /// The accelerator: KVM or emulation.
    pub accelerator: &'a Accelerator,
    /// More checks of guests that passed.
    pub extension: &'a dyn Extension,
}

impl Fleet<'_> {
    /// Runs the suites in guests with these files. Reports each suite when all its guests ended.
    pub fn boot_all(
        &self,
        suites: &[Suite],
        guest: &build::Guest,
        wanted: &Filter,
        report: &mut impl FnMut(&str, &Outcome),
    ) -> Result<()> {
        let context = self.context;
        let booter = context.booter(self.guests, self.ready, guest, self.accelerator)?;
        let known = context.listing()?;
        let mut boots = Vec::new();
        for (number, suite) in suites.iter().enumerate() {
            let cases = known.cases_of(suite.guest());
            let warm = !self.guests.cold && booter.can_start(suite)?;
            let planned = plan::boots(suite, cases, wanted, warm);
            boots.extend(planned.into_iter().map(|boot| (number, boot)));
        }
        // Start long boots first, so that no long boot runs by itself at the end.
        boots.sort_by_cached_key(|(_, boot)| Reverse((!boot.warm, booter.took(boot))));

        let jobs = self.guests.jobs();
        let what = match boots.as_slice() {
            [(_, only)] => format!("boot: {}", only.name),
            _ => format!("boot: {} guests, {jobs} at once", boots.len()),
        };
        let activity = context.ui.begin_many(what, boots.len());
        let mut came: Vec<Vec<_>> = suites.iter().map(|_| Vec::new()).collect();
        let mut reported = 0;
        let work = |(_, boot): &(usize, Boot)| booter.run(boot, &activity);
        jobs::run(jobs, &boots, work, |number, result| {
            activity.advance();
            came[boots[number].0].push((number, result));
            // Report in the order of the suites, each as soon as its last guest ended.
            while let Some(results) = came.get_mut(reported) {
                let expected = boots.iter().filter(|(suite, _)| *suite == reported);
                if results.len() < expected.count() {
                    break;
                }
                results.sort_by_key(|(number, _)| *number);
                let results = std::mem::take(results);
                let results = results.into_iter();
                let results = results.map(|(number, result)| (&boots[number].1, result));
                let outcome = self.together(results);
                activity.suspend(|| report(&suites[reported].name, &outcome));
                reported += 1;
            }
        });
        activity.clear();
        Ok(())
    }

    /// Combines the outcomes of a suite's guests.
    fn together<'b>(
        &self,
        booted: impl Iterator<Item = (&'b Boot<'b>, Result<Booted>)>,
    ) -> Outcome {
        let mut all = Outcome::default();
        let mut took = Vec::new();
        for (boot, one) in booted {
            let name = &boot.name;
            match &one {
                Ok(booted) => {
                    took.push(booted.took.as_secs_f64());
                    all.add(outcome(booted, boot.suite));
                    // A failed guest may have ended early, so further checks would mean nothing.
                    if booted.verdict.passed() {
                        let (context, ready) = (self.context, self.ready);
                        let more = self.extension.judge(context, ready, boot.suite, booted);
                        more.into_iter().for_each(|more| all.add(more));
                    }
                }
                Err(error) => {
                    all.add(Outcome::of(Err(anyhow!("{name}: {error:#}"))).named(name));
                }
            }
        }
        let longest = took.iter().copied().fold(0.0, f64::max);
        all.note = match took.len() {
            0 | 1 => format!("{longest:.1} s"),
            count => format!("{count} guests, the longest {longest:.1} s"),
        };
        // The sum over all guests, even if several ran at once.
        all.seconds = Some(took.iter().sum());
        all
    }
}
