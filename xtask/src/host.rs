// SPDX-License-Identifier: GPL-2.0

//! The checks of `make test` that run on the host: cargo's tests, rustfmt, clippy, the fuzzer.

use std::path::Path;

use anyhow::{anyhow, bail, Context as _, Result};

use modproof::cache::Built;
use modproof::provision::tools;
use modproof::run::{self, Log};
use modproof::tally::{Outcome, Row, RowState, Tally};
use modproof::Context;

/// The group of cargo's tests; its report has a row for each test.
pub const TESTS: &str = "host-tests";
/// The group whose fuzzer takes minutes to compile.
pub const FUZZ: &str = "fuzz";
/// The `[part.tools]` entry with the programs that the host's tests run.
const TOOLS: &str = "host-tests";
const PROMTOOL: &str = "/usr/bin/promtool";

/// The groups and their descriptions.
pub const GROUPS: [(&str, &str); 4] = [
    (TESTS, "cargo test, the whole workspace"),
    ("rustfmt", "cargo fmt --check"),
    ("clippy", "cargo clippy, warnings denied"),
    (FUZZ, "a short run of the fuzzer over the core"),
];

/// Runs a group.
pub fn run(context: &Context, group: &str) -> Result<Outcome> {
    let host = Host {
        context,
        logs: &context.run_folder()?.join("host"),
    };
    match group {
        TESTS => host.tests(),
        "rustfmt" => host.format(),
        "clippy" => host.clippy(),
        _ => host.fuzz(),
    }
}

/// Compiles the tests. `TESTS` runs them later.
pub fn compile_tests(context: &Context) -> Result<()> {
    let logs = context.run_folder()?.join("host");
    let log = Log::create(logs.join("host-tests-build.log"))?;
    let activity = context.ui.begin("build: host tests");
    let mut command = context.cargo.command();
    command.args(["test", "--locked", "--workspace", "--no-run"]);
    let result = run::logged(&mut command, &log, Some(&activity));
    activity.done("");
    result
}

struct Host<'a> {
    context: &'a Context,
    logs: &'a Path,
}

impl Host<'_> {
    fn tests(&self) -> Result<Outcome> {
        let log = Log::create(self.logs.join("host-tests.log"))?;
        let activity = self.context.ui.begin("host tests");
        let mut command = self.context.cargo.command();
        command.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
        // Without promtool cargo ignores the tests that need it, and `count` takes those as failed.
        let tools = self.tools()?;
        if let Some(tools) = &tools {
            command.env("PROMTOOL", tools::on_host(tools, PROMTOOL));
            command.args(["--", "--include-ignored"]);
        }
        let result = run::logged(&mut command, &log, Some(&activity));
        activity.done("");
        let mut outcome = judge_tests(&log.text(), result);
        outcome.log = Some(log.path().to_owned());
        Ok(outcome)
    }

    /// The programs that the tests run. The cache keeps them while the caller holds the result.
    fn tools(&self) -> Result<Option<Built>> {
        let kernel = self.context.kernel()?;
        let Some(wanted) = self.context.project.parts.tools.get(TOOLS) else {
            return Ok(None);
        };
        let ready = self.context.provision(kernel)?;
        let provision = self.context.provisioning(kernel);
        tools::ensure(&provision, &ready, TOOLS, wanted).map(Some)
    }

    fn format(&self) -> Result<Outcome> {
        self.check(
            "rustfmt",
            "fmt",
            &["fmt", "--all", "--", "--check", "--color=never"],
        )
    }

    fn clippy(&self) -> Result<Outcome> {
        let words = [
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--color=never",
            "--",
            "-D",
            "warnings",
        ];
        self.check("clippy", "clippy", &words)
    }

    /// A short run of the fuzzer, which also replays the corpus in the cache.
    fn fuzz(&self) -> Result<Outcome> {
        const RUNS: &str = "50000";
        let log = Log::create(self.logs.join("fuzz.log"))?;
        let activity = self.context.ui.begin("fuzz");
        let mut command = self.context.cargo.script("scripts/fuzz.sh");
        let result = run::logged(command.arg(RUNS), &log, Some(&activity));
        activity.done("");
        let mut outcome = Outcome::of(result.and_then(|()| runs_done(&log.text())));
        outcome.log = Some(log.path().to_owned());
        Ok(outcome)
    }

    fn check(&self, name: &str, component: &str, words: &[&str]) -> Result<Outcome> {
        if run::output(self.context.cargo.command().args([component, "--version"])).is_err() {
            let package = if component == "fmt" {
                "rustfmt"
            } else {
                component
            };
            return Ok(Outcome::of(Err(anyhow!(
                "there is no cargo {component}: install {package} (rustup component add {package}, or \
                 the package of that name)"
            ))));
        }
        let log = Log::create(self.logs.join(format!("{name}.log")))?;
        let activity = self.context.ui.begin(name);
        let result = run::logged(
            self.context.cargo.command().args(words),
            &log,
            Some(&activity),
        );
        activity.done("");
        let mut outcome = Outcome::of(result.map(|()| String::new()));
        outcome.log = Some(log.path().to_owned());
        Ok(outcome)
    }
}

/// Parses the fuzzer's last line, `Done 50000 runs in 3 second(s)`; fails if it ran nothing.
fn runs_done(text: &str) -> Result<String> {
    let mut done = text.lines().filter_map(|line| line.strip_prefix("Done "));
    let words = done
        .next_back()
        .context("the fuzzer gave no count of its runs")?;
    let runs = words.split(' ').next().unwrap_or_default();
    match runs.parse() {
        Ok(1u64..) => Ok(format!("{runs} runs")),
        _ => bail!("the fuzzer ran nothing: Done {words}"),
    }
}

/// Counts the `test result:` lines. cargo's exit status alone cannot make a run pass.
fn judge_tests(text: &str, result: Result<()>) -> Outcome {
    let mut tally = Tally::default();
    let mut rows: Vec<_> = text.lines().filter_map(row).collect();
    for line in text.lines() {
        match count(line) {
            Ok(Some(one)) => tally.add(one),
            Ok(None) => {}
            Err(error) => return Outcome::of(Err(error)),
        }
    }
    let mut details = String::new();
    for row in rows.iter().filter(|row| row.state == RowState::Failed) {
        details.push_str(&format!("test {} ... {}\n", row.name, row.text));
    }
    if let Err(error) = result {
        if tally.failed == 0 {
            // No test failed, but cargo did: usually a compile error.
            let failed = Row::new("cargo test", RowState::Failed, format!("{error:#}"));
            tally.add(Tally::one(failed.state));
            rows.push(failed);
        }
        details.push_str(&format!("{error:#}"));
    } else if tally.passed == 0 {
        let failed = Row::new("cargo test", RowState::Failed, "cargo ran no test");
        tally.add(Tally::one(failed.state));
        details.push_str(&failed.text);
        rows.push(failed);
    }
    Outcome {
        tally,
        details,
        rows,
        ..Outcome::default()
    }
}

/// Parses a test's line, as `test judge::golden::every_log ... ok`.
fn row(line: &str) -> Option<Row> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let state = match result.split([',', ' ']).next()? {
        "ok" => RowState::Passed,
        // Host tests have no list of expected skips, so an ignored test fails.
        "FAILED" | "ignored" => RowState::Failed,
        _ => return None,
    };
    let said = if state == RowState::Failed {
        result
    } else {
        ""
    };
    Some(Row::new(name, state, said))
}

/// Parses `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; ...`; ignored tests
/// count as failed.
fn count(line: &str) -> Result<Option<Tally>> {
    let Some(rest) = line.trim().strip_prefix("test result: ") else {
        return Ok(None);
    };
    let Some((_, counts)) = rest.split_once(". ") else {
        bail!("cannot read cargo's line: {line}");
    };
    let number = |what: &str| -> Result<usize> {
        counts
            .split("; ")
            .find_map(|c| c.strip_suffix(what)?.trim().parse().ok())
            .with_context(|| format!("no {what} in cargo's line: {line}"))
    };
    Ok(Some(Tally {
        passed: number("passed")?,
        failed: number("failed")? + number("ignored")?,
        skipped: 0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "running 2 tests\ntest a ... ok\n\
        test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
        test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";

    #[test]
    fn results_are_added_up() {
        let tally = judge_tests(GOOD, Ok(())).tally;
        assert_eq!(tally.to_string(), "5 passed, 1 failed");
    }

    #[test]
    fn each_test_has_a_row() {
        let text = "test a::b ... ok\ntest src/lib.rs - c (line 3) ... ignored, for a reason\n\
            test d ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured;\n";
        let outcome = judge_tests(text, Err(anyhow::anyhow!("exit status: 101")));
        let rows = outcome.rows.iter().map(|r| (r.name.as_str(), r.state));
        let expected = [
            ("a::b", RowState::Passed),
            ("src/lib.rs - c (line 3)", RowState::Failed),
            ("d", RowState::Failed),
        ];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
        assert_eq!(outcome.rows[1].text, "ignored, for a reason");
        assert_eq!(outcome.tally.to_string(), "1 passed, 2 failed");
    }

    #[test]
    fn what_does_not_compile_is_a_failure() {
        let outcome = judge_tests(GOOD, Err(anyhow::anyhow!("could not compile")));
        assert_eq!(outcome.tally.failed, 1);
    }

    #[test]
    fn no_test_is_a_failure() {
        assert_eq!(judge_tests("", Ok(())).tally.failed, 1);
    }

    #[test]
    fn fuzzing_that_ran_nothing_is_a_failure() {
        assert_eq!(
            runs_done("#8\nDone 50000 runs in 3 second(s)\n")
                .ok()
                .as_deref(),
            Some("50000 runs")
        );
        assert!(runs_done("Done 0 runs in 0 second(s)\n").is_err());
        assert!(runs_done("INFO: seed corpus\n").is_err());
    }

    #[test]
    fn a_failed_test_is_counted_once() {
        let text =
            "test b ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured;\n";
        let outcome = judge_tests(text, Err(anyhow::anyhow!("exit status: 101")));
        assert_eq!(outcome.tally.failed, 1);
        assert!(outcome.details.starts_with("test b ... FAILED"));
    }
}
