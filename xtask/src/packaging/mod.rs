// SPDX-License-Identifier: GPL-2.0

//! `make packages` and `make test-packages`: builds the Debian packages; installs, upgrades and
//! removes them in a new root with the stock kernel; boots that kernel with DKMS's module.

mod build;
mod portable;
mod trial;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use modproof::accel::Accelerator;
use modproof::cache::entries;
use modproof::filter::Filter;
use modproof::fleet::Fleet;
use modproof::matrix::unavailable_outcome;
use modproof::report;
use modproof::tally::{Outcome, RowState, Tally};
use modproof::{Context, Guests, Plain};

use crate::{demo, repo};

/// Builds the packages and copies them into a folder.
pub fn make(context: &Context, to: &Path) -> Result<()> {
    let provision = context.provisioning(context.kernel()?);
    let made = build::ensure(context, &provision)?;
    std::fs::create_dir_all(to)
        .with_context(|| format!("cannot make the folder {}", to.display()))?;
    let folders = [build::DEBS, build::PORTABLE].map(|folder| made.tree().join(folder));
    for file in folders.iter().flat_map(|folder| entries(folder)) {
        let target = to.join(file.file_name().unwrap_or_default());
        std::fs::copy(&file, &target)
            .with_context(|| format!("cannot write {}", target.display()))?;
        println!("{}", target.display());
    }
    Ok(())
}

/// Tests the packages and prints the count as the last line.
pub fn test(context: &Context, guests: &Guests) -> Result<ExitCode> {
    let kernel = context.kernel()?;
    let provision = context.provisioning(kernel);
    let ready = context.provision(kernel)?;
    let made = build::ensure(context, &provision)?;
    let tried = trial::run(repo(context)?, &provision, &ready, &made, guests.keep)?;
    tried.outcome.print("packages");

    let mut tally = Tally::default();
    tally.add(tried.outcome.tally);
    for release in portable::RELEASES {
        let ran = portable::run(repo(context)?, &provision, &made, release);
        let outcome = ran.unwrap_or_else(|error| match context.kernels().of_release(release) {
            Some(kernel) => unavailable_outcome(kernel, &error),
            None => Outcome::of(Err(error)),
        });
        outcome.print(&format!("rdna1ctl alone, on {release}"));
        tally.add(outcome.tally);
    }
    let suite = context.project.suites.find(demo::SUITE)?;
    let mut guest = demo::guest(context, &ready, suite)?;
    guest.replace_module("rdna1_kfd_guard.ko", tried.module);
    let accelerator = Accelerator::find(&context.cache, &context.ui, &ready.image)?;
    let fleet = Fleet {
        context,
        guests,
        ready: &ready,
        accelerator: &accelerator,
        extension: &Plain,
    };
    let suite = kernel.suite(suite);
    fleet.boot_all(
        &[suite],
        &guest,
        &Filter::parse(None)?,
        &mut |_, outcome| {
            outcome.print("DKMS's module, booted");
            tally.add(outcome.tally);
        },
    )?;
    println!("{tally}");
    Ok(match tally.state() {
        RowState::Passed => report::Outcome::Pass.into(),
        RowState::Failed | RowState::Skipped => report::Outcome::Fail.into(),
    })
}
