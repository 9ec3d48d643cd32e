// SPDX-License-Identifier: GPL-2.0

//! What the host asks for on the kernel command line.

use wildmatch::WildMatch;

/// How a word for us begins.
const PREFIX: &str = "rdna1.";

/// The words there are, each with a value.
pub const WORDS: [&str; 8] = [
    "suite", "cases", "lie", "rounds", "seed", "share", "shell", "terminal",
];

/// The `rdna1.*` words of the kernel command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `rdna1.suite=`: the suite to run.
    pub suite: Option<String>,
    /// `rdna1.cases=`: comma-separated globs; empty means every case.
    pub cases: Vec<String>,
    /// `rdna1.lie=`: what the card of the demo lies about.
    pub lie: Option<String>,
    /// `rdna1.rounds=`: how much of a storm there is to be.
    pub rounds: Option<usize>,
    /// `rdna1.seed=`: what is drawn at random begins with this.
    pub seed: Option<u64>,
    /// `rdna1.shell=1`: a prompt in place of a suite.
    pub shell: bool,
    /// `rdna1.terminal=ROWSxCOLUMNS`: the terminal of that prompt.
    pub terminal: Option<String>,
    /// `rdna1.share=`: of what is done very often, only this share, in percent.
    pub share: Option<usize>,
    /// Words that start with `rdna1.` and mean nothing here.
    pub unknown: Vec<String>,
}

impl Options {
    /// Takes the words that a resumed guest was handed, else those that the
    /// kernel was booted with, which were for the program that waited.
    pub fn choose(args: &[String], cmdline: &str) -> Self {
        // The kernel hands on what it does not know itself, but no word with a dot.
        if args.iter().any(|arg| arg.starts_with(PREFIX)) {
            Self::parse(&args.join(" "))
        } else {
            Self::parse(cmdline)
        }
    }

    /// Reads the text of /proc/cmdline.
    pub fn parse(cmdline: &str) -> Self {
        let mut options = Self::default();
        for word in cmdline.split_whitespace() {
            let Some(word) = word.strip_prefix(PREFIX) else {
                continue;
            };
            match word.split_once('=') {
                Some(("suite", value)) => options.suite = non_empty(value),
                Some(("cases", value)) => {
                    options.cases = value.split(',').filter_map(non_empty).collect();
                }
                Some(("lie", value)) => options.lie = non_empty(value).filter(|l| l != "none"),
                Some(("rounds", value)) if value.parse::<usize>().is_ok() => {
                    options.rounds = value.parse().ok();
                }
                Some(("seed", value)) if value.parse::<u64>().is_ok() => {
                    options.seed = value.parse().ok();
                }
                Some(("shell", value)) => options.shell = value == "1",
                Some(("terminal", value)) => options.terminal = non_empty(value),
                Some(("share", value)) if value.parse::<usize>().is_ok() => {
                    options.share = value.parse().ok();
                }
                _ => options.unknown.push(format!("rdna1.{word}")),
            }
        }
        options
    }

    /// Whether the case of this name is to run.
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
    use super::*;

    #[test]
    fn words_of_others_are_left_alone() {
        let options =
            Options::parse("console=ttyS0 rdna1.suite=tree rdna1.cases=lie-*,eperm panic=-1\n");
        assert_eq!(options.suite.as_deref(), Some("tree"));
        assert_eq!(options.cases, ["lie-*", "eperm"]);
        assert!(options.unknown.is_empty() && options.lie.is_none());
    }

    #[test]
    fn a_mistyped_word_is_kept_to_be_reported() {
        assert_eq!(
            Options::parse("rdna1.siute=tree").unknown,
            ["rdna1.siute=tree"]
        );
    }

    #[test]
    fn the_words_that_are_named_are_those_that_are_known() {
        for word in WORDS {
            let options = Options::parse(&format!("rdna1.{word}=1"));
            assert!(options.unknown.is_empty(), "{word}");
            assert_ne!(options, Options::default(), "{word}");
        }
        let arms = include_str!("cmdline.rs").matches("Some((\"").count();
        assert_eq!(arms, WORDS.len());
    }

    #[test]
    fn numbers_are_numbers() {
        let options = Options::parse("rdna1.rounds=1000 rdna1.seed=7 rdna1.rounds=many");
        assert_eq!((options.rounds, options.seed), (Some(1000), Some(7)));
        assert_eq!(options.unknown, ["rdna1.rounds=many"]);
    }

    #[test]
    fn what_a_resumed_guest_is_handed_comes_first() {
        let booted = "console=ttyS0 rdna1.load=amdgpu panic=-1";
        let handed = [
            "rdna1.suite=stock".to_owned(),
            "rdna1.cases=no-card".to_owned(),
        ];
        let options = Options::choose(&handed, booted);
        assert_eq!(options.suite.as_deref(), Some("stock"));
        assert_eq!(options.cases, ["no-card"]);
        assert!(options.unknown.is_empty());
        // What the kernel hands on of its own words changes nothing.
        let options = Options::choose(&["nokaslr".to_owned()], "rdna1.suite=tree nokaslr");
        assert_eq!(options.suite.as_deref(), Some("tree"));
    }

    #[test]
    fn a_share_is_a_number() {
        let options = Options::parse("rdna1.share=10 rdna1.share=some");
        assert_eq!(options.share, Some(10));
        assert_eq!(options.unknown, ["rdna1.share=some"]);
    }

    #[test]
    fn no_lie_is_no_lie() {
        assert_eq!(Options::parse("rdna1.lie=none").lie, None);
        assert_eq!(
            Options::parse("rdna1.lie=hive-id").lie.as_deref(),
            Some("hive-id")
        );
    }

    #[test]
    fn without_globs_every_case_is_wanted() {
        assert!(Options::default().wants("anything"));
        assert!(!Options::parse("rdna1.cases=a*").wants("b"));
    }
}
