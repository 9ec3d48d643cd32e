// SPDX-License-Identifier: GPL-2.0

//! PID 1 of a guest: mounts file systems, runs a suite or a prompt, and powers off.

use std::fs;
use std::io::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;

use anyhow::{Context, Result};
use modproof_formats::words::{self, word};
use modproof_formats::ADDED;
use modproof_wait::modules::Modules;
use modproof_wait::mounts;
use modproof_wait::serial::Port;
use nix::sys::reboot::{reboot, RebootMode};

use crate::cmdline::Options;
use crate::ctx::Ctx;
use crate::kmemleak;
use crate::ktap::Ktap;
use crate::program::Program;
use crate::runner::{self, Step};
use crate::shell;
use crate::taint::Taint;

/// Runs the suite that the kernel command line (in a restored guest: the arguments) names, and
/// powers off.
pub fn run(program: &Program, args: &[String]) -> ExitCode {
    runner::install_panic_hook();
    let mut troubles = mounts::mount_all();
    let (port, missing) = Port::open("ttyS1");
    troubles.extend(missing);

    let mut port = Some(port);
    // The KTAP stream reports a panic. If the stream breaks, the host sees a missing verdict.
    let end = catch_unwind(AssertUnwindSafe(|| {
        run_suite(program, &mut port, &troubles, args)
    }));
    match end {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("modproof: {error:#}"),
        Err(_) => eprintln!("modproof: {}", runner::take_panic().unwrap_or_default()),
    }
    if let Some(port) = &mut port {
        port.drain();
    }
    power_off()
}

fn run_suite(
    program: &Program,
    port: &mut Option<Port>,
    troubles: &[String],
    args: &[String],
) -> Result<()> {
    let cmdline = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let options = Options::choose(args, &cmdline, program.words);
    if options.shell {
        // A prompt has no KTAP stream: the port gets only an error.
        let (ctx, _) = prepare(options.clone())?;
        if let Err(error) = shell::run(program, &ctx) {
            let port = port.as_mut().context("the KTAP port is gone")?;
            writeln!(port, "no prompt: {error:#}")?;
        }
        return Ok(());
    }
    let suite = options.suite.clone().unwrap_or_default();
    let known = program.suite(&suite);
    let wanted: Vec<_> = known
        .iter()
        .flat_map(|cases| cases.iter())
        .filter(|case| options.wants(case.name))
        .collect();

    let sink = port.take().context("the KTAP port is gone")?;
    let nothing_lost = |ctx: &mut Ctx| {
        (program.clean_up)().context("before the search for lost memory")?;
        kmemleak::nothing_lost(ctx, program.known_losses)
    };
    let mut steps: Vec<_> = wanted.iter().map(|case| Step::of(case)).collect();
    let asks_kmemleak = kmemleak::exists() && !wanted.is_empty();
    if asks_kmemleak {
        steps.push(Step {
            name: ADDED,
            keeps_modules: false,
            work: &nothing_lost,
        });
    }
    let mut ktap = Ktap::start(sink, steps.len())?;
    for trouble in troubles {
        ktap.note(trouble)?;
    }
    for unknown in &options.unknown {
        let known = words::KNOWN.iter().chain(program.words);
        let known = known.map(|name| word(name, ""));
        let known = Vec::from_iter(known).join(" ");
        ktap.trouble(&format!("{unknown}: no such option; there are {known}"))?;
    }
    if known.is_none() {
        let names = Vec::from_iter(program.all_suites().map(|(name, _)| name)).join(", ");
        ktap.trouble(&format!(
            "{}: no such suite; there are {names}",
            word(words::SUITE, &suite)
        ))?;
    } else if wanted.is_empty() {
        ktap.trouble(&format!(
            "no case of suite {suite} matches {}",
            options.cases.join(",")
        ))?;
    }

    let forgotten = match asks_kmemleak {
        true => kmemleak::forget().context("before the first case"),
        false => Ok(()),
    };
    match forgotten.and_then(|()| prepare(options)) {
        Ok((mut ctx, notes)) => {
            notes.iter().try_for_each(|note| ktap.note(note))?;
            for step in &steps {
                let outcome = runner::run(step, &mut ctx, program.clean_up);
                ctx.take_notes()
                    .iter()
                    .try_for_each(|note| ktap.note(note))?;
                ktap.case(step.name, &outcome)?;
            }
            ctx.user.drain();
        }
        Err(error) => ktap.trouble(&format!("{error:#}"))?,
    }
    *port = Some(ktap.finish()?);
    Ok(())
}

fn prepare(options: Options) -> Result<(Ctx, Vec<String>)> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("read the release")?;
    let boot_taint = Taint::now()?;
    let modules = Modules::find()?;
    let mut notes = vec![format!(
        "kernel {} taint at boot {boot_taint}",
        release.trim()
    )];
    let (user, missing) = Port::open("ttyS2");
    notes.extend(missing);
    Ok((Ctx::new(options, modules, boot_taint, user), notes))
}

/// Powers off. PID 1 must not return: the kernel would panic.
fn power_off() -> ! {
    nix::unistd::sync();
    let Err(errno) = reboot(RebootMode::RB_POWER_OFF);
    eprintln!("modproof: power off: {errno}");
    loop {
        std::thread::park();
    }
}
