// SPDX-License-Identifier: GPL-2.0

//! The program behind the Makefile's targets: all of modproof's commands, run with
//! selftests/modproof.toml, and this project's own (demo, bench, packages).

mod bench;
mod cost;
mod demo;
mod host;
mod packaging;
mod prose;
mod selfcheck;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use modproof::boot::Booted;
use modproof::extension::Prepare;
use modproof::provision::Ready;
use modproof::suites::Suite;
use modproof::tally::Outcome;
use modproof::{cli, interrupt, Context, Extension, Guests, HostGroup, Options};

/// Provisions, builds, boots and judges
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Modproof(cli::Command),
    /// Boot the demo, show what the module says, and judge it
    Demo {
        /// Make the card's KFD node break this rule
        #[arg(long, value_name = "RULE")]
        lie: Option<String>,
        #[command(flatten)]
        guests: Guests,
    },
    /// Count what the module costs, in instructions
    Bench {
        /// Write the record that `make test` expects, and docs/performance.md
        #[arg(long)]
        accept: bool,
        /// Run only these cases, as bench/CASE; * and ? are wildcards
        #[arg(long, value_name = "GLOB", conflicts_with = "accept")]
        filter: Option<String>,
        #[command(flatten)]
        guests: Guests,
    },
    /// Time one case, warm and cold
    BenchStart {
        /// The case, as SUITE/CASE
        case: String,
        /// Number of runs, each warm and cold
        #[arg(long, value_name = "N", default_value_t = 5)]
        runs: usize,
    },
    /// Make the Debian packages
    Packages {
        /// Write the packages into this folder
        #[arg(value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Make the Debian packages, install, upgrade and remove them in a new root, and boot
    /// the module that DKMS built
    TestPackages {
        #[command(flatten)]
        guests: Guests,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(cache) = &cli.options.cache {
        // rust-bindings/build.rs looks for kernel headers in the cache.
        std::env::set_var("RDNA1_CACHE", cache);
    }
    cli::exit(run(cli))
}

fn run(cli: Cli) -> Result<ExitCode> {
    let command = match cli.command {
        Command::Modproof(command) => return cli::run(cli.options, command, &ProjectChecks),
        other => other,
    };
    interrupt::install()?;
    let context = &Context::new(cli.options)?;
    match command {
        Command::Demo { lie, guests } => demo::run(context, &guests, lie.as_deref()),
        Command::Bench {
            accept,
            filter,
            guests,
        } => cost::run(context, &guests, accept, filter.as_deref()),
        Command::BenchStart { case, runs } => {
            bench::run(context, &case, runs).map(|()| ExitCode::SUCCESS)
        }
        Command::Packages { to } => packaging::make(context, &to).map(|()| ExitCode::SUCCESS),
        Command::TestPackages { guests } => packaging::test(context, &guests),
        Command::Modproof(_) => Ok(ExitCode::SUCCESS),
    }
}

/// The checks that this project adds to those of selftests/modproof.toml.
struct ProjectChecks;

impl Extension for ProjectChecks {
    fn host_groups(&self) -> Vec<HostGroup<'_>> {
        let on_host = host::GROUPS.iter().map(|(name, about)| HostGroup {
            name,
            about,
            // Some tests wait more than they compute.
            beside: *name == host::TESTS,
            slow: *name == host::FUZZ,
            prepare: (*name == host::TESTS).then(|| Box::new(host::compile_tests) as Box<Prepare>),
            run: Box::new(|context| host::run(context, name)),
        });
        let mut groups: Vec<_> = on_host.collect();
        groups.push(HostGroup {
            name: prose::GROUP.0,
            about: prose::GROUP.1,
            beside: false,
            slow: false,
            prepare: None,
            run: Box::new(prose::check),
        });
        groups.push(HostGroup {
            name: selfcheck::GROUP.0,
            about: selfcheck::GROUP.1,
            // It boots one guest at a time and leaves cores idle for other groups.
            beside: true,
            slow: true,
            prepare: None,
            run: Box::new(selfcheck::check),
        });
        groups
    }

    fn judge(
        &self,
        context: &Context,
        ready: &Ready,
        suite: &Suite,
        booted: &Booted,
    ) -> Option<Outcome> {
        let recorded = suite.guest() == cost::RECORDED;
        recorded.then(|| cost::judge(context, ready, booted))
    }
}

/// The repository's root folder.
fn repo(context: &Context) -> Result<&Path> {
    let workspace = context.project.workspace.as_deref();
    workspace.context("the project names no workspace")
}
