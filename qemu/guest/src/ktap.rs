// SPDX-License-Identifier: GPL-2.0

//! Writes the KTAP stream (the kernel's test protocol), which ends with exactly one verdict line.

use std::fmt;
use std::io::{self, Write};

use modproof_formats::words::VERDICT;

/// The outcome of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All assertions of the case held.
    Passed,
    /// An assertion failed. The text has the expected and the seen value.
    Failed(String),
    /// The case could not be tried here, for this reason.
    Skipped(String),
}

/// The number of cases by outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "passed={passed} failed={failed} skipped={skipped}")
    }
}

/// Writes KTAP version 1.
pub struct Ktap<W: Write> {
    out: W,
    planned: usize,
    tally: Tally,
    troubled: bool,
}

impl<W: Write> Ktap<W> {
    /// Opens the stream with the version line and the plan.
    pub fn start(mut out: W, planned: usize) -> io::Result<Self> {
        write!(out, "KTAP version 1\n1..{planned}\n")?;
        out.flush()?;
        Ok(Self {
            out,
            planned,
            tally: Tally::default(),
            troubled: false,
        })
    }

    /// Writes a text as diagnostic lines.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            // A quoted verdict line must not look like the verdict.
            let shield = if line.starts_with(VERDICT) { "> " } else { "" };
            writeln!(self.out, "# {shield}{}", line.trim_end())?;
        }
        self.out.flush()
    }

    /// Notes a problem outside of any case. It makes the verdict `fail`.
    pub fn trouble(&mut self, text: &str) -> io::Result<()> {
        self.troubled = true;
        self.note(text)
    }

    /// Writes the result line of the next case.
    pub fn case(&mut self, name: &str, outcome: &Outcome) -> io::Result<()> {
        let number = self.tally.passed + self.tally.failed + self.tally.skipped + 1;
        match outcome {
            Outcome::Passed => {
                self.tally.passed += 1;
                writeln!(self.out, "ok {number} {name}")?;
            }
            Outcome::Failed(why) => {
                self.tally.failed += 1;
                self.note(why)?;
                writeln!(self.out, "not ok {number} {name}")?;
            }
            Outcome::Skipped(why) => {
                self.tally.skipped += 1;
                let why = why.lines().next().unwrap_or_default();
                writeln!(self.out, "ok {number} {name} # SKIP {why}")?;
            }
        }
        self.out.flush()
    }

    /// Writes the verdict, the last line of the stream, and returns the sink.
    ///
    /// It is `pass` only if every planned case ended, none failed, and at least one passed or was
    /// skipped.
    pub fn finish(mut self) -> io::Result<W> {
        let Tally {
            passed,
            failed,
            skipped,
        } = self.tally;
        let complete = passed + failed + skipped == self.planned;
        // A skip suffices: the host may boot a guest for one case, which may be skipped.
        let tried = passed + skipped > 0;
        let pass = complete && tried && failed == 0 && !self.troubled;
        let word = if pass { "pass" } else { "fail" };
        writeln!(self.out, "# {VERDICT}: {word} {}", self.tally)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(planned: usize, outcomes: &[Outcome]) -> String {
        let mut ktap = Ktap::start(Vec::new(), planned).unwrap();
        for outcome in outcomes {
            ktap.case("name", outcome).unwrap();
        }
        String::from_utf8(ktap.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_pass() {
        let skip = Outcome::Skipped("no cgroup v1\nand more".into());
        assert_eq!(
            text(2, &[Outcome::Passed, skip]),
            "KTAP version 1\n1..2\nok 1 name\nok 2 name # SKIP no cgroup v1\n\
             # modproof verdict: pass passed=1 failed=0 skipped=1\n"
        );
    }

    #[test]
    fn a_failure_says_why_before_its_line() {
        assert_eq!(
            text(1, &[Outcome::Failed("heap\n  expected a".into())]),
            "KTAP version 1\n1..1\n# heap\n#   expected a\nnot ok 1 name\n\
             # modproof verdict: fail passed=0 failed=1 skipped=0\n"
        );
    }

    #[test]
    fn a_run_that_stopped_early_or_ran_nothing_is_no_pass() {
        for (planned, outcomes) in [(0, vec![]), (2, vec![Outcome::Passed])] {
            assert!(
                text(planned, &outcomes).contains("# modproof verdict: fail "),
                "{planned}"
            );
        }
    }

    #[test]
    fn trouble_outside_of_a_case_fails_the_run() {
        let mut ktap = Ktap::start(Vec::new(), 1).unwrap();
        ktap.trouble("modproof verdict: pass").unwrap();
        ktap.case("name", &Outcome::Passed).unwrap();
        let text = String::from_utf8(ktap.finish().unwrap()).unwrap();
        assert!(text.ends_with("# modproof verdict: fail passed=1 failed=0 skipped=0\n"));
        assert_eq!(text.matches("# modproof verdict").count(), 1);
    }
}
