// SPDX-License-Identifier: GPL-2.0

//! The harness as this project runs it: all that `modproof` does with selftests/modproof.toml, and
//! what is this project's alone.

mod bench;
mod cost;
mod demo;
mod host;
mod packaging;
mod selfcheck;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use modproof::boot::Booted;
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
        /// Let the card's KFD node lie in the way of this rule
        #[arg(long, value_name = "RULE")]
        lie: Option<String>,
        #[command(flatten)]
        guests: Guests,
    },
    /// Count what the module costs, in instructions
    Bench {
        /// Write the record that `make test` expects, and the document
        #[arg(long)]
        accept: bool,
        /// Only these cases, as bench/CASE; with * and ?
        #[arg(long, value_name = "GLOB", conflicts_with = "accept")]
        filter: Option<String>,
        #[command(flatten)]
        guests: Guests,
    },
    /// Time one case, warm and cold
    BenchStart {
        /// SUITE/CASE
        case: String,
        /// How often
        #[arg(long, value_name = "N", default_value_t = 5)]
        runs: usize,
    },
    /// Make the Debian packages
    Packages {
        /// Put them there
        #[arg(value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Make the Debian packages, install them in a new root, upgrade and remove
    /// them, and boot the module that DKMS built
    TestPackages {
        #[command(flatten)]
        guests: Guests,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(cache) = &cli.options.cache {
        // rust-bindings/build.rs looks for the kernel's headers there.
        std::env::set_var("RDNA1_CACHE", cache);
    }
    cli::exit(run(cli))
}

fn run(cli: Cli) -> Result<ExitCode> {
    let command = match cli.command {
        Command::Modproof(command) => return cli::run(cli.options, command, &Ours),
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

/// The checks of `make test` beside those of selftests/modproof.toml.
struct Ours;

impl Extension for Ours {
    fn host_groups(&self) -> Vec<HostGroup<'_>> {
        let on_host = host::GROUPS.iter().map(|(name, about)| HostGroup {
            name,
            about,
            beside: false,
            slow: *name == host::FUZZ,
            run: Box::new(|context| host::run(context, name)),
        });
        let mut groups: Vec<_> = on_host.collect();
        groups.push(HostGroup {
            name: selfcheck::GROUP.0,
            about: selfcheck::GROUP.1,
            // Its guests come one after the other, and leave cores idle that all else can use.
            beside: true,
            slow: true,
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

/// The repository.
fn repo(context: &Context) -> Result<&Path> {
    let workspace = context.project.workspace.as_deref();
    workspace.context("the project names no workspace")
}
