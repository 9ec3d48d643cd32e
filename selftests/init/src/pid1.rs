// SPDX-License-Identifier: GPL-2.0

//! From the kernel's hand-over to the power-off.

use std::fs;
use std::io::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;

use anyhow::{Context, Result};
use modproof_formats::words::{self, word, KNOWN};
use modproof_guest::cmdline::Options;
use modproof_guest::ktap::Ktap;
use modproof_guest::modules::Modules;
use modproof_guest::mounts;
use modproof_guest::serial::Port;
use modproof_guest::taint::Taint;
use modproof_guest::Ctx;
use nix::sys::reboot::{reboot, RebootMode};

use crate::cases::{self, LIE};
use crate::kmemleak;
use crate::runner;
use crate::shell;

/// Runs the suite that the kernel's command line names, or for a guest that was
/// resumed the arguments, then powers off.
pub fn run(args: &[String]) -> ExitCode {
    runner::install_panic_hook();
    let mut troubles = mounts::mount_all();
    let (port, missing) = Port::open("ttyS1");
    troubles.extend(missing);

    let mut port = Some(port);
    // Whatever panics here is told in the stream or, if that is what broke, by a missing verdict.
    let end = catch_unwind(AssertUnwindSafe(|| run_suite(&mut port, &troubles, args)));
    match end {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("guest-init: {error:#}"),
        Err(_) => eprintln!("guest-init: {}", runner::take_panic().unwrap_or_default()),
    }
    if let Some(port) = &mut port {
        port.drain();
    }
    power_off()
}

fn run_suite(port: &mut Option<Port>, troubles: &[String], args: &[String]) -> Result<()> {
    let cmdline = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let options = Options::choose(args, &cmdline, &[LIE]);
    if options.shell {
        // The verdict's port says nothing, unless there is no prompt.
        let (ctx, _) = prepare(options.clone())?;
        if let Err(error) = shell::run(&options, &ctx) {
            let port = port.as_mut().context("the KTAP port is gone")?;
            writeln!(port, "no prompt: {error:#}")?;
        }
        return Ok(());
    }
    let suite = options.suite.clone().unwrap_or_default();
    let known = cases::suite(&suite);
    let wanted: Vec<_> = known
        .iter()
        .flat_map(|cases| cases.iter())
        .filter(|case| options.wants(case.name))
        .collect();

    let sink = port.take().context("the KTAP port is gone")?;
    // The verdict is the last word: what was lost is asked for before.
    let last = (kmemleak::exists() && !wanted.is_empty()).then_some(&cases::LAST);
    let mut ktap = Ktap::start(sink, wanted.len() + usize::from(last.is_some()))?;
    for trouble in troubles {
        ktap.note(trouble)?;
    }
    for unknown in &options.unknown {
        let known = KNOWN.into_iter().chain([LIE]).map(|name| word(name, ""));
        let known = Vec::from_iter(known).join(" ");
        ktap.trouble(&format!("{unknown}: no such option; there are {known}"))?;
    }
    if known.is_none() {
        let names = cases::suite_names().join(", ");
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

    let forgotten = match last {
        Some(_) => kmemleak::forget().context("before the first case"),
        None => Ok(()),
    };
    match forgotten.and_then(|()| prepare(options)) {
        Ok((mut ctx, notes)) => {
            notes.iter().try_for_each(|note| ktap.note(note))?;
            for case in wanted.into_iter().chain(last) {
                let outcome = runner::run(case, &mut ctx);
                ctx.take_notes()
                    .iter()
                    .try_for_each(|note| ktap.note(note))?;
                ktap.case(case.name, &outcome)?;
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

/// Powers off; PID 1 may not return.
fn power_off() -> ! {
    nix::unistd::sync();
    let Err(errno) = reboot(RebootMode::RB_POWER_OFF);
    eprintln!("guest-init: power off: {errno}");
    loop {
        std::thread::park();
    }
}
