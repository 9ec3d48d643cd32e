// SPDX-License-Identifier: GPL-2.0

//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::jobs;
use crate::test::Choice;

/// The command line.
#[derive(Parser)]
#[command(version, about = "Provisions, builds, boots and judges")]
pub struct Cli {
    #[command(flatten)]
    /// What all commands take.
    pub options: Options,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What all commands take.
#[derive(Args)]
pub struct Options {
    /// The checkout to work on (default: the one of the current folder)
    #[arg(long, global = true, value_name = "FOLDER")]
    pub repo: Option<PathBuf>,
    /// A kernel of qemu/kernels.toml, or `all` (default: those that `make test`
    /// boots unasked, or the first where one is enough)
    #[arg(long, global = true, value_name = "NAME")]
    pub kernel: Option<String>,
    /// Take a mirror whose Release file is expired
    #[arg(long, global = true)]
    pub allow_expired_release: bool,
    /// Another cache for the check of the harness itself: cargo still goes by `RDNA1_CACHE`
    #[arg(long, global = true, hide = true, value_name = "FOLDER")]
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
    /// More words for every guest, as rdna1.rounds=10000
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

/// What the harness itself tells a guest: another word for it would have other
/// cases run than those that are reported.
const OURS: [&str; 4] = ["rdna1.suite", "rdna1.cases", "rdna1.load", "rdna1.shell"];

/// The kernel is not to be told anything: saved guests were booted without.
fn guest_words(text: &str) -> Result<String, String> {
    for word in text.split_whitespace() {
        if !word.starts_with("rdna1.") {
            return Err(format!("{word} does not begin with rdna1."));
        }
        let name = word.split('=').next().unwrap_or_default();
        if OURS.contains(&name) {
            return Err(format!(
                "{name} is not for you to say: FILTER picks the cases"
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
    /// Build the modules and the guest
    Build,
    /// Boot the demo, show what the module says, and judge it
    Demo {
        /// Let the card's KFD node lie in the way of this rule
        #[arg(long, value_name = "RULE")]
        lie: Option<String>,
        #[command(flatten)]
        guests: Guests,
    },
    /// Run all checks; the last line is their count
    ///
    /// The status is 0 if something passed and nothing failed, 1 if something
    /// failed, and 2 if the checks could not be run.
    Test {
        #[command(flatten)]
        choice: Choice,
        /// Show the groups and cases, and run nothing
        #[arg(long)]
        list: bool,
        /// Put the report and the logs that it names in this folder, too
        #[arg(long, value_name = "FOLDER")]
        report: Option<PathBuf>,
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
    /// Start a guest with the module and a card, and a prompt in it
    Shell {
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
        #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one)]
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
    /// Show what was resolved
    Resolved,
    /// Show what the cache holds; remove what kernels.toml no longer names
    Prune {
        /// Really remove it
        #[arg(long)]
        yes: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_do_not_pick_other_cases() {
        for good in ["", "rdna1.rounds=10 rdna1.seed=7", "rdna1.lie=none"] {
            assert_eq!(guest_words(good).as_deref(), Ok(good));
        }
        for bad in [
            "panic=0",
            "rdna1.suite=tree",
            "rdna1.rounds=1 rdna1.cases=a",
            "rdna1.load=amdgpu",
            "rdna1.shell",
            "rdna1.shell=1",
        ] {
            assert!(guest_words(bad).is_err(), "{bad}");
        }
    }
}
