// SPDX-License-Identifier: GPL-2.0

//! Runs Prometheus's promtool. `make test` fetches it, and sets `PROMTOOL` to its path.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs promtool with that input; returns whether it succeeds, and its output.
pub fn run(arguments: &[&str], input: &str) -> (bool, String) {
    let words = std::env::var("PROMTOOL").unwrap_or_else(|_| "promtool".to_owned());
    let mut words = words.split(' ');
    let mut child = Command::new(words.next().unwrap())
        .args(words)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool: PROMTOOL= says how to start it");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}
