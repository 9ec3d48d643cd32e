// SPDX-License-Identifier: GPL-2.0

//! The commands, and what they take.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use modproof_formats::words;

use crate::build::elf;
use crate::extension::Extension;
use crate::jobs;
use crate::judge;
use crate::kernels::Kernel;
use crate::test::Choice;
use crate::{interrupt, provision, prune, report, shell, test, Context};

/// What all commands take.
#[derive(Args)]
pub struct Options {
    /// The project's modproof.toml, or the folder with it (default: that of the current folder, or
    /// the nearest one above)
    #[arg(long, global = true, value_name = "FILE")]
    pub project: Option<PathBuf>,
    /// A kernel by its name, or `all` (default: those that `test` boots unasked, or the first where
    /// one is enough)
    #[arg(long, global = true, value_name = "NAME")]
    pub kernel: Option<String>,
    /// Take a mirror whose Release file is expired
    #[arg(long, global = true)]
    pub allow_expired_release: bool,
    /// Where downloads and builds are kept (default: modproof in the user's cache folder)
    #[arg(long, global = true, env = "MODPROOF_CACHE", value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
    /// Ask the suite again which kernel it has now
    #[arg(long, global = true)]
    pub update: bool,
}

/// How guests are run.
#[derive(Args)]
pub struct Guests {
    /// How many run at once (default: the number of cores, or as many as fit
    /// into the free memory)
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub jobs: Option<usize>,
    /// Boot every guest, even where it could start from a saved one
    #[arg(long)]
    pub cold: bool,
    /// Keep all that a guest was booted with, and a script that boots it again;
    /// of those that fail it is always kept
    #[arg(long)]
    pub keep: bool,
    /// The longest that a guest may run, in place of the suites' own limits
    #[arg(long, value_name = "SECONDS", value_parser = at_least_one)]
    pub timeout: Option<usize>,
    /// More words for every guest, as modproof.rounds=10000
    #[arg(long, value_name = "WORDS", value_parser = guest_words, default_value = "")]
    pub words: String,
}

impl Guests {
    /// The limit that the user names.
    pub fn limit(&self) -> Option<Duration> {
        self.timeout
            .map(|seconds| Duration::from_secs(seconds as u64))
    }

    /// How many of them run at once.
    pub fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(jobs::default)
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it takes one at least".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("no number".to_owned()),
    }
}

/// What the harness itself tells a guest: another word for it would have other cases run than those
/// that are reported.
const RESERVED: [&str; 4] = [words::SUITE, words::CASES, words::LOAD, words::SHELL];

/// The kernel is not to be told anything: saved guests were booted without.
fn guest_words(text: &str) -> Result<String, String> {
    for word in text.split_whitespace() {
        let Some(rest) = word.strip_prefix(words::PREFIX) else {
            return Err(format!("{word} does not begin with {}", words::PREFIX));
        };
        let name = rest.split('=').next().unwrap_or_default();
        if RESERVED.contains(&name) {
            return Err(format!(
                "{word}: --filter picks the cases, and nothing else does"
            ));
        }
    }
    Ok(text.to_owned())
}

/// What there is to do.
#[derive(Subcommand)]
pub enum Command {
    /// Fetch the stock kernel and prepare all that building and booting needs
    Provision,
    /// Build the modules and programs of the project
    Build,
    /// Run all checks; the last line is their count
    ///
    /// The status is 0 if something passed and nothing failed, 1 if something
    /// failed, and 2 if the checks could not be run.
    Test {
        /// What is wanted.
        #[command(flatten)]
        choice: Choice,
        /// Show the groups and cases, and run nothing
        #[arg(long)]
        list: bool,
        /// Put the report and the logs that it names in this folder, too
        #[arg(long, value_name = "FOLDER")]
        report: Option<PathBuf>,
        /// How guests are run.
        #[command(flatten)]
        guests: Guests,
    },
    /// Judge a boot by the logs that it left
    ///
    /// The status is 0 if it passed, 1 if it failed, and 2 if the logs cannot
    /// be read.
    Judge {
        /// A folder below `runs` in the cache
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Start a guest with a prompt in it
    Shell {
        /// How guests are run.
        #[command(flatten)]
        guests: Guests,
    },
    /// Show which kernels and packages were taken
    Resolved,
    /// Install the programs that this one needs, with apt
    Setup,
    /// Show what the cache holds; remove what the project no longer names
    Prune {
        /// Really remove it
        #[arg(long)]
        yes: bool,
    },
}

/// Installs what is missing on Debian and its like.
const SETUP: &str = include_str!("../host-setup.sh");

/// Does what is to be done.
pub fn run(options: Options, command: Command, extension: &dyn Extension) -> Result<ExitCode> {
    match command {
        Command::Judge { folder } => return judge_again(&folder),
        Command::Setup => {
            let status = std::process::Command::new("sh")
                .args(["-c", SETUP])
                .status()?;
            return Ok(if status.success() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            });
        }
        _ => interrupt::install()?,
    }
    let context = &Context::new(options)?;
    match command {
        Command::Provision => return provision_all(context),
        Command::Build => {
            let ready = context.provision(context.kernel()?)?;
            let products = context
                .builder(&ready)?
                .build(context.project.parts.names())?;
            for (name, path) in products.expect_all()?.modules() {
                let sizes = elf::sizes(path)?;
                println!("{name}: .text {} bytes: {}", sizes.text, path.display());
            }
        }
        Command::Test {
            list: true, choice, ..
        } => test::list(context, &choice, extension)?,
        Command::Test {
            choice,
            report,
            guests,
            ..
        } => return test::run(context, &guests, &choice, report.as_deref(), extension),
        Command::Shell { guests } => return shell::run(context, &guests),
        Command::Prune { yes } => prune::run(context, yes)?,
        Command::Resolved => {
            for kernel in context.picked(|_| true)? {
                match provision::describe(&context.cache, &kernel.name) {
                    Ok(text) => println!("{}\n{text}", kernel.name),
                    Err(error) => println!("{}\n{error:#}\n", kernel.name),
                }
            }
        }
        Command::Judge { .. } | Command::Setup => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The exit status of a program; an error is told.
pub fn exit(result: Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        report::Outcome::CouldNotRun.into()
    })
}

fn provision_all(context: &Context) -> Result<ExitCode> {
    let mut failed = false;
    for kernel in context.picked(Kernel::is_in_test)? {
        match context.provision(kernel) {
            Ok(ready) => println!("{}: {}", kernel.name, ready.choice.abi),
            Err(error) => {
                let tolerated = kernel.tolerates(&error).is_some();
                // Somebody who names the kernel wants it.
                failed |= !tolerated || context.names_one_kernel();
                let word = if tolerated { "skipped" } else { "error" };
                eprintln!("{word}: {}: {error:#}", kernel.name);
            }
        }
    }
    Ok(if failed {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    })
}

fn judge_again(folder: &Path) -> Result<ExitCode> {
    let verdict = judge::saved::judge_folder(folder)?;
    for reason in &verdict.reasons {
        println!("{reason}");
    }
    Ok(if verdict.passed() {
        println!("pass");
        report::Outcome::Pass.into()
    } else {
        report::Outcome::Fail.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_do_not_pick_other_cases() {
        for good in [
            "",
            "modproof.rounds=10 modproof.seed=7",
            "modproof.lie=none",
        ] {
            assert_eq!(guest_words(good).as_deref(), Ok(good));
        }
        for bad in [
            "panic=0",
            "modproof.suite=tree",
            "modproof.rounds=1 modproof.cases=a",
            "modproof.load=crc16",
            "modproof.shell",
            "modproof.shell=1",
        ] {
            assert!(guest_words(bad).is_err(), "{bad}");
        }
    }
}
