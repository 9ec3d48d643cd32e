// SPDX-License-Identifier: GPL-2.0

//! AMD's runtime (ROCr), asked by rocminfo and by a program of this project (`selftests/rocr`). A
//! preloaded library, the stand-in, answers the runtime in the place of the card's driver.

pub mod pools;
pub mod rocminfo;

use std::fs;
use std::process::{Command, Output};

use anyhow::{ensure, Context, Result};

/// The library that answers in the place of the driver.
const STAND_IN: &str = "/rocr/stand_in.so";
/// The same, and a library that replaces one file: by it the tests show that they can fail.
const STAND_IN_AND_OTHER_FILE: &str = "/rocr/stand_in.so:/rocr/other_file.so";

/// The environment of a program that asks the runtime.
pub type Environment<'a> = &'a [(&'a str, &'a str)];

/// The version of a package, as Debian names it.
pub fn version(package: &str) -> Result<String> {
    let path = format!("/packages/{package}");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.trim().to_owned())
}

/// The variable that preloads the stand-in.
pub fn preload() -> (&'static str, &'static str) {
    ("LD_PRELOAD", STAND_IN)
}

/// Variables that make a program read `other` in the place of each file whose path ends with `end`.
pub fn with_other_file<'a>(end: &'a str, other: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("LD_PRELOAD", STAND_IN_AND_OTHER_FILE),
        ("OTHER_FILE", end),
        ("OTHER_FILE_IS", other),
    ]
}

/// Runs a program. Each complaint of the stand-in is an error: its answers were not enough.
fn run(program: &str, environment: Environment) -> Result<Output> {
    let mut command = Command::new(program);
    command.env_clear().envs([preload()]);
    command.envs(environment.iter().copied());
    let output = command.output();
    let output = output.with_context(|| format!("cannot start {program}"))?;
    expect_no_complaint(&String::from_utf8_lossy(&output.stderr)).context(program.to_owned())?;
    Ok(output)
}

/// Demands that neither the stand-in nor its loading failed, by what a program wrote to standard
/// error.
pub fn expect_no_complaint(said: &str) -> Result<()> {
    let complains = |line: &&str| line.starts_with("stand-in:") || line.contains("LD_PRELOAD");
    let complaint = said.lines().find(complains);
    ensure!(complaint.is_none(), "{}", complaint.unwrap_or_default());
    Ok(())
}
