// SPDX-License-Identifier: GPL-2.0

//! The host's words on the kernel command line.

use std::collections::BTreeMap;

use modproof_formats::words::{self, PREFIX};
use wildmatch::WildMatch;

/// The host's words, with their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The suite to run.
    pub suite: Option<String>,
    /// Globs of the wanted cases. Empty: every case.
    pub cases: Vec<String>,
    /// The number of rounds of a test that repeats itself.
    pub rounds: Option<usize>,
    /// The seed of a test that draws at random.
    pub seed: Option<u64>,
    /// Whether the host wants a prompt in place of a suite.
    pub shell: bool,
    /// The size of that prompt's terminal, as `ROWSxCOLUMNS`.
    pub terminal: Option<String>,
    /// The share, in percent, of the rounds of a test that has very many.
    pub share: Option<usize>,
    /// Unknown words with the prefix.
    pub unknown: Vec<String>,
    others: BTreeMap<String, String>,
}

impl Options {
    /// Parses the arguments if they contain words for the guest, as in a restored guest, else the
    /// kernel command line. A restored guest's command line was for the waiter.
    ///
    /// `others` are the names that the guest program adds to the library's own.
    pub fn choose(args: &[String], cmdline: &str, others: &[&str]) -> Self {
        // The kernel hands words that it does not know to init, but none with a dot.
        if args.iter().any(|arg| arg.starts_with(PREFIX)) {
            Self::parse(&args.join(" "), others)
        } else {
            Self::parse(cmdline, others)
        }
    }

    /// Parses the text of /proc/cmdline.
    pub fn parse(cmdline: &str, others: &[&str]) -> Self {
        let mut options = Self::default();
        for word in cmdline.split_whitespace() {
            let Some(named) = word.strip_prefix(PREFIX) else {
                continue;
            };
            let taken = named
                .split_once('=')
                .and_then(|(name, value)| options.take(name, value, others));
            if taken.is_none() {
                options.unknown.push(word.to_owned());
            }
        }
        options
    }

    /// Parses one word; `None` if its name is unknown, or its value is not the number required.
    fn take(&mut self, name: &str, value: &str, others: &[&str]) -> Option<()> {
        match name {
            words::SUITE => self.suite = non_empty(value),
            words::CASES => self.cases = value.split(',').filter_map(non_empty).collect(),
            words::ROUNDS => self.rounds = Some(value.parse().ok()?),
            words::SEED => self.seed = Some(value.parse().ok()?),
            words::SHARE => self.share = Some(value.parse().ok()?),
            words::SHELL => self.shell = value == "1",
            words::TERMINAL => self.terminal = non_empty(value),
            _ if others.contains(&name) => {
                self.others.insert(name.to_owned(), value.to_owned());
            }
            _ => return None,
        }
        Some(())
    }

    /// The value of a word that only this guest program knows, unless it is empty.
    pub fn word(&self, name: &str) -> Option<&str> {
        let value = self.others.get(name)?;
        (!value.is_empty()).then_some(value)
    }

    /// Whether the host wants the case of this name.
    pub fn wants(&self, case: &str) -> bool {
        self.cases.is_empty()
            || self
                .cases
                .iter()
                .any(|glob| WildMatch::new(glob).matches(case))
    }
}

fn non_empty(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use modproof_formats::words::{word, KNOWN};

    use super::*;

    fn parse(words: &[String]) -> Options {
        Options::parse(&words.join(" "), &["colour"])
    }

    #[test]
    fn words_of_others_are_left_alone() {
        let (suite, cases) = (word("suite", "tree"), word("cases", "lie-*,eperm"));
        let options = Options::parse(&format!("console=ttyS0 {suite} {cases} panic=-1\n"), &[]);
        assert_eq!(options.suite.as_deref(), Some("tree"));
        assert_eq!(options.cases, ["lie-*", "eperm"]);
        assert!(options.unknown.is_empty());
    }

    #[test]
    fn a_mistyped_word_is_kept_to_be_reported() {
        for wrong in [word("siute", "tree"), word("suite", "").replace('=', "")] {
            let options = parse(std::slice::from_ref(&wrong));
            assert_eq!(options.unknown, [wrong]);
        }
    }

    #[test]
    fn every_known_word_is_taken() {
        for name in KNOWN {
            let options = parse(&[word(name, "1")]);
            assert!(options.unknown.is_empty(), "{name}");
            assert_ne!(options, Options::default(), "{name}");
        }
    }

    #[test]
    fn numbers_are_numbers() {
        let wrong = [word("rounds", "many"), word("share", "some")];
        let right = [word("rounds", "9"), word("seed", "7"), word("share", "10")];
        let options = parse(&[right.as_slice(), &wrong].concat());
        assert_eq!((options.rounds, options.seed), (Some(9), Some(7)));
        assert_eq!(options.share, Some(10));
        assert_eq!(options.unknown, wrong);
    }

    #[test]
    fn the_arguments_of_a_restored_guest_come_first() {
        let booted = format!("console=ttyS0 {} panic=-1", word("load", "crc16"));
        let handed = [word("suite", "stock"), word("cases", "no-card")];
        let options = Options::choose(&handed, &booted, &[]);
        assert_eq!(options.suite.as_deref(), Some("stock"));
        assert_eq!(options.cases, ["no-card"]);
        assert!(options.unknown.is_empty());
        // A cold boot: the kernel passes its own unknown words as arguments.
        let booted = format!("{} nokaslr", word("suite", "tree"));
        let options = Options::choose(&["nokaslr".to_owned()], &booted, &[]);
        assert_eq!(options.suite.as_deref(), Some("tree"));
    }

    #[test]
    fn a_program_has_words_of_its_own() {
        let options = parse(&[word("colour", "red")]);
        assert_eq!(options.word("colour"), Some("red"));
        assert_eq!(options.word("shape"), None);
        assert_eq!(parse(&[word("colour", "")]).word("colour"), None);
        assert!(Options::parse(&word("colour", "red"), &[]).unknown.len() == 1);
    }

    #[test]
    fn without_globs_every_case_is_wanted() {
        assert!(Options::default().wants("anything"));
        assert!(!parse(&[word("cases", "a*")]).wants("b"));
    }
}
