// SPDX-License-Identifier: GPL-2.0

//! `make demo`: boots a stock kernel with a virtual card and shows the module's output.

use std::process::ExitCode;

use anyhow::{bail, Context as _, Result};

use modproof::accel::Accelerator;
use modproof::boot::Boot;
use modproof::build::Guest;
use modproof::filter::Filter;
use modproof::plan;
use modproof::provision::Ready;
use modproof::suites::Suite;
use modproof::{Context, Guests};
use modproof_formats::words;

const TAIL: usize = 20;

/// The demo's suite. A lie can have its own suite, `demo-LIE`.
pub const SUITE: &str = "demo";

/// Builds only the parts that the demo's guest contains.
pub fn guest(context: &Context, ready: &Ready, suite: &Suite) -> Result<Guest> {
    let builder = context.builder(ready)?;
    let products = builder.build(suite.with.iter().map(|part| &**part))?;
    Ok(products.expect_all()?.guest)
}

/// Boots the demo; the guest's output goes to standard output.
pub fn run(context: &Context, guests: &Guests, lie: Option<&str>) -> Result<ExitCode> {
    let lie = lie.filter(|l| *l != "none");
    if let Some(lie) = lie {
        let lists = &context.listing()?.lists;
        let rules = lists.get("rules").context("the guest lists no rules")?;
        if !rules.iter().any(|rule| rule == lie) {
            bail!("no rule is named {lie:?}; there is: {}", rules.join(" "));
        }
    }
    let kernel = context.kernel()?;
    context.headers()?;
    let ready = std::thread::scope(|scope| {
        // Build guest-init on the host while the root is prepared.
        let programs = scope.spawn(|| context.listing());
        let ready = context.provision(kernel);
        let built = programs.join();
        built.unwrap_or_else(|_| bail!("building guest-init panicked"))?;
        ready
    })?;
    let suites = &context.project.suites;
    // Other kernels have no runtime of AMD's to show.
    let is_here = |suite: &&Suite| kernel.suites.contains(&suite.name);
    let of_lie = lie.and_then(|lie| suites.find(&format!("{SUITE}-{lie}")).ok());
    let of_lie = of_lie.filter(is_here);
    let suite = of_lie.map_or_else(|| suites.find(SUITE), Ok)?;
    let guest = guest(context, &ready, suite)?;
    let accelerator = Accelerator::find(&context.cache, &context.ui, &ready.image)?;
    let booter = context.booter(guests, &ready, &guest, &accelerator)?;
    let cases = context.listing()?.cases_of(suite.guest());
    let all = Filter::parse(None)?;
    let boot = Boot {
        name: suite.name.clone(),
        suite,
        words: lie.map_or(String::new(), |lie| words::word("lie", lie)),
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
        if case.outcome == modproof::judge::ktap::Outcome::Failed {
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
