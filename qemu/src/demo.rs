// SPDX-License-Identifier: GPL-2.0

//! `make demo`: what the module says of a card, on a stock kernel.

use std::process::ExitCode;

use anyhow::{bail, Result};

use crate::accel::Accelerator;
use crate::boot::Boot;
use crate::config::Suites;
use crate::filter::Filter;
use crate::plan;
use crate::{Context, Guests};

const TAIL: usize = 20;

/// Boots the demo, its output going to standard output.
pub fn run(context: &Context, guests: &Guests, lie: Option<&str>) -> Result<ExitCode> {
    let lie = lie.filter(|l| *l != "none");
    if let Some(lie) = lie {
        let rules = context.listing()?.list("rules");
        if !rules.iter().any(|rule| rule == lie) {
            bail!("no rule is named {lie:?}; there is: {}", rules.join(" "));
        }
    }
    let kernel = context.kernel()?;
    context.headers()?;
    let ready = std::thread::scope(|scope| {
        // What is prepared in the root, and what is built on the host meanwhile.
        let programs = scope.spawn(|| context.listing());
        let ready = context.provision(kernel);
        let built = programs.join();
        built.unwrap_or_else(|_| bail!("building guest-init panicked"))?;
        ready
    })?;
    let guest = context.builder(&ready)?.build_for_demo()?.guest;
    let accelerator = Accelerator::find(&context.cache, &context.ui, &ready.image)?;
    let booter = context.booter(guests, &ready, &guest, &accelerator)?;
    let suites = Suites::load(&context.repo)?;
    let suite = suites.find("demo")?;
    let cases = context.listing()?.cases_of(suite.guest());
    let all = Filter::parse(None)?;
    let boot = Boot {
        name: suite.name.clone(),
        suite,
        words: lie.map_or(String::new(), |l| format!("rdna1.lie={l}")),
        cases: cases.map(|cases| plan::wanted_of(cases, &all)),
        warm: !guests.cold && booter.can_start(suite)?,
        live: true,
    };
    let verb = if boot.warm { "starting" } else { "booting" };
    let activity = context
        .ui
        .begin(format!("{verb} {} with {accelerator}", ready.choice.abi));
    let booted = booter.run(&boot, &activity)?;
    activity.clear();
    let seconds = booted.took.as_secs_f64();
    if booted.verdict.passed() {
        context.ui.say(format!(
            "the boot passed ({seconds:.0} s); console log: {}",
            booted.console_path().display()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    for reason in &booted.verdict.reasons {
        context.ui.say(format!("FAIL {reason}"));
    }
    for case in &booted.verdict.stream.cases {
        if case.outcome == crate::judge::ktap::Outcome::Failed {
            for note in &case.notes {
                context.ui.say(format!("  {}: {note}", case.name));
            }
        }
    }
    context.ui.say(format!(
        "the console's last lines:\n{}console log: {}",
        booted.console_tail(TAIL),
        booted.console_path().display()
    ));
    Ok(ExitCode::FAILURE)
}
