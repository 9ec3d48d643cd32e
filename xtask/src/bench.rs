// SPDX-License-Identifier: GPL-2.0

//! `make bench-start`: times `make test` for one case, warm (from a snapshot) and cold (a full
//! boot), from the command's start to its end. There is no limit that can fail.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{bail, Context as _, Result};

use modproof::Context;

use crate::repo;

/// Runs the case warm and cold in turn, and prints the times side by side.
pub fn run(context: &Context, case: &str, runs: usize) -> Result<()> {
    if !case.contains('/') || case.contains(':') {
        bail!("name one case, as SUITE/CASE; `make list` shows them, and KERNEL= names the kernel");
    }
    // Not measured: the first run builds and saves the snapshot.
    once(context, case, false)?;
    println!("make test FILTER={case}, seconds from start to end");
    println!("{:>6}{:>8}{:>8}", "run", "warm", "cold");
    let (mut warm, mut cold) = (Vec::new(), Vec::new());
    for number in 1..=runs {
        warm.push(once(context, case, false)?);
        cold.push(once(context, case, true)?);
        let last = |times: &[f64]| times.last().copied().unwrap_or_default();
        println!("{number:>6}{:>8.2}{:>8.2}", last(&warm), last(&cold));
    }
    let (warm, cold) = (median(&mut warm), median(&mut cold));
    println!("{:>6}{warm:>8.2}{cold:>8.2}", "median");
    println!("warm takes {:.1} % of cold", 100.0 * warm / cold);
    Ok(())
}

fn once(context: &Context, case: &str, cold: bool) -> Result<f64> {
    let mut command = Command::new("make");
    command
        .args(["--no-print-directory", "-C"])
        .arg(repo(context)?)
        .args(["test", &format!("FILTER={case}")])
        .arg(format!("KERNEL={}", context.kernel()?.name))
        .arg(if cold { "COLD=1" } else { "COLD=" })
        .stdin(Stdio::null());
    let started = Instant::now();
    let out = command.output().context("cannot start make")?;
    let took = started.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&out.stdout);
    if !out.status.success() {
        let complaint = String::from_utf8_lossy(&out.stderr);
        bail!("{case} does not pass:\n{said}{complaint}");
    }
    // A wrong name must not look like a fast case.
    if !said.lines().any(|line| line == "1 passed, 0 failed") {
        bail!("{case} is not one case:\n{said}");
    }
    Ok(took)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    match times {
        [] => 0.0,
        _ if times.len() % 2 == 1 => times[middle],
        _ => (times[middle - 1] + times[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_middle_one_or_between_the_two() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&mut []), 0.0);
    }
}
