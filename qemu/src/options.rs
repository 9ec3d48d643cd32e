// SPDX-License-Identifier: GPL-2.0

//! The options that commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use modproof_formats::words;

use crate::jobs;

/// The options of all commands.
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
    /// Keep downloads and builds there (default: modproof in the user's cache folder)
    #[arg(long, global = true, env = "MODPROOF_CACHE", value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
    /// Ask the suite again which kernel it has now
    #[arg(long, global = true)]
    pub update: bool,
}

/// The options for guests.
#[derive(Args)]
pub struct Guests {
    /// So many guests at once (default: the number of cores, or as many as fit
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

    /// The number of guests that run at once.
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

/// The words that the host itself says to a guest: another word for it would have other cases run than those
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
