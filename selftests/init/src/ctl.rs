// SPDX-License-Identifier: GPL-2.0

//! Runs the command rdna1ctl as a user does, and checks the findings of `rdna1ctl doctor`.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{bail, ensure, Context, Result};
use serde_json::Value;

/// The program's path in the initramfs.
const PROGRAM: &str = "/rdna1ctl";

/// The command, with an empty environment.
pub fn command(arguments: &[&str]) -> Result<Command> {
    ensure!(
        Path::new(PROGRAM).exists(),
        "the initramfs has no {PROGRAM}: has the suite rdna1ctl = true?"
    );
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear();
    Ok(command)
}

/// Runs rdna1ctl, which must exit with `status`; returns its stdout.
pub fn says(arguments: &[&str], status: i32) -> Result<String> {
    let output = run(arguments)?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.code() == Some(status),
        "rdna1ctl {arguments:?}: expected status {status}, seen {}\n{out}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(out)
}

fn run(arguments: &[&str]) -> Result<Output> {
    let output = command(arguments)?.output();
    output.with_context(|| format!("start rdna1ctl {arguments:?}"))
}

/// The findings of `rdna1ctl doctor --json`.
pub struct Findings(Vec<Value>);

/// Runs the doctor, whose exit status must match its findings.
pub fn doctor() -> Result<Findings> {
    let output = run(&["doctor", "--json"])?;
    let document: Value = serde_json::from_slice(&output.stdout).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("rdna1ctl doctor --json, {}: {said}", output.status)
    })?;
    let findings = document["findings"].as_array();
    let findings = Findings(findings.context("doctor: no findings")?.clone());
    let expected = i32::from(!findings.of("trouble").is_empty());
    ensure!(
        output.status.code() == Some(expected),
        "doctor: expected status {expected}, seen {}\n{}",
        output.status,
        findings.told()
    );
    Ok(findings)
}

impl Findings {
    fn of(&self, state: &str) -> Vec<&str> {
        let of_state = self.0.iter().filter(|one| one["state"] == state);
        of_state.filter_map(|one| one["id"].as_str()).collect()
    }

    /// Demands exactly these findings in a state.
    pub fn expect_all(&self, state: &str, ids: &[&str]) -> Result<()> {
        let seen = self.of(state);
        ensure!(
            seen == ids,
            "doctor: expected of {state} {ids:?}, seen {seen:?}\n{}",
            self.told()
        );
        Ok(())
    }

    /// Demands that the `good` findings include these.
    pub fn expect_good(&self, ids: &[&str]) -> Result<()> {
        let good = self.of("good");
        for id in ids {
            ensure!(
                good.contains(id),
                "doctor: expected {id} among what is good, seen {good:?}\n{}",
                self.told()
            );
        }
        Ok(())
    }

    /// Demands one finding `id` whose text, evidence and advice contain all of `words`.
    pub fn expect_words(&self, id: &str, words: &[&str]) -> Result<()> {
        let texts: Vec<String> = self
            .0
            .iter()
            .filter(|one| one["id"] == id)
            .map(text)
            .collect();
        ensure!(!texts.is_empty(), "doctor: expected {id}\n{}", self.told());
        let says_all = |text: &String| words.iter().all(|word| text.contains(word));
        if !texts.iter().any(says_all) {
            bail!(
                "doctor: expected {words:?} in {id}, seen\n{}",
                texts.join("\n")
            );
        }
        Ok(())
    }

    fn told(&self) -> String {
        let bad = self.0.iter().filter(|one| one["state"] != "good");
        let texts: Vec<String> = bad.map(text).collect();
        texts.join("\n")
    }
}

fn text(finding: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let list = |key: &str| finding[key].as_array().cloned().unwrap_or_default();
    let first = format!(
        "{} [{}]: {}",
        word(&finding["state"]),
        word(&finding["id"]),
        word(&finding["says"])
    );
    let evidence = list("evidence");
    let evidence = evidence
        .iter()
        .map(|one| format!("  {}: {}", word(&one["from"]), word(&one["what"])));
    let advice = list("advice");
    let advice = advice.iter().map(|one| format!("  -> {}", word(one)));
    let lines: Vec<String> = [first].into_iter().chain(evidence).chain(advice).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn findings() -> Findings {
        Findings(vec![
            json!({"id": "a", "state": "trouble", "says": "it is so",
                   "evidence": [{"from": "/file", "what": "x=1"}], "advice": ["do this"]}),
            json!({"id": "b", "state": "good", "says": "well", "evidence": [], "advice": []}),
        ])
    }

    #[test]
    fn what_is_there_is_found() {
        let findings = findings();
        findings.expect_all("trouble", &["a"]).unwrap();
        findings.expect_all("note", &[]).unwrap();
        findings.expect_good(&["b"]).unwrap();
        findings
            .expect_words("a", &["/file: x=1", "-> do this", "it is so"])
            .unwrap();
    }

    #[test]
    fn what_is_not_there_is_missed() {
        let findings = findings();
        assert!(findings.expect_all("trouble", &[]).is_err());
        assert!(findings.expect_all("trouble", &["b"]).is_err());
        assert!(findings.expect_good(&["a"]).is_err());
        assert!(findings.expect_words("c", &[]).is_err());
        let error = findings.expect_words("a", &["else"]).unwrap_err();
        assert!(error.to_string().contains("x=1"), "{error}");
    }
}
