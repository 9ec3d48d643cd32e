// SPDX-License-Identifier: GPL-2.0

//! The options that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use modproof_formats::words;

use crate::jobs;

/// The options of all commands.
#[derive(Args)]
pub struct Options {
    /// The project's modproof.toml, or its folder (default: the current folder, or the nearest
    /// folder above it that has the file)
    #[arg(long, global = true, value_name = "FILE")]
    pub project: Option<PathBuf>,
    /// A kernel's name, or `all` (default: the kernels that a plain `test` boots, or the first
    /// kernel if one is enough)
    #[arg(long, global = true, value_name = "NAME")]
    pub kernel: Option<String>,
    /// Accept a mirror whose Release file is expired
    #[arg(long, global = true)]
    pub allow_expired_release: bool,
    /// The folder for downloads and builds (default: modproof in the user's cache folder)
    #[arg(long, global = true, env = "MODPROOF_CACHE", value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
    /// Ask the Debian suite again for its current kernel
    #[arg(long, global = true)]
    pub update: bool,
}

/// The options for guests.
#[derive(Args)]
pub struct Guests {
    /// How many guests run at once (default: the number of cores, or fewer if memory is short)
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub jobs: Option<usize>,
    /// Boot every guest cold, never from a snapshot
    #[arg(long)]
    pub cold: bool,
    /// Keep the files of every boot, and a script to boot it again; without this option, only a
    /// failed boot keeps them
    #[arg(long)]
    pub keep: bool,
    /// The limit for a guest's run time, in place of the suites' own limits
    #[arg(long, value_name = "SECONDS", value_parser = at_least_one)]
    pub timeout: Option<usize>,
    /// More words for every guest's command line, for example modproof.rounds=10000
    #[arg(long, value_name = "WORDS", value_parser = guest_words, default_value = "")]
    pub words: String,
}

impl Guests {
    /// The limit that the user sets.
    pub fn limit(&self) -> Option<Duration> {
        self.timeout
            .map(|seconds| Duration::from_secs(seconds as u64))
    }

    /// How many guests run at once.
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

/// The words that modproof itself passes to a guest. With other values, the guest would run
/// other cases than the report shows.
const RESERVED: [&str; 4] = [words::SUITE, words::CASES, words::LOAD, words::SHELL];

/// Refuses words for the kernel, as snapshots were booted without them.
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
