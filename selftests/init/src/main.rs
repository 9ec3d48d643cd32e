// SPDX-License-Identifier: GPL-2.0

//! PID 1 of the test guest: loads the module under test into a stock kernel,
//! runs the cases of one suite and writes the outcome as KTAP.
//!
//! Started with `child …` it is one of its own helpers, a process with less
//! than the whole system in view (see [`child`]). On the host, `--list` prints
//! the suites and their cases.

mod ask;
mod cases;
mod counters;
mod ctl;
mod fixture;
mod gpu_code;
mod guard;
mod hsakmt;
mod kfd;
mod kmemleak;
mod pid1;
mod report;
mod requests;
mod runner;
mod shell;
mod truth;

use std::process::ExitCode;

use modproof_formats::Listing;
use modproof_guest::child;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // In a pid namespace of its own it is 1, too.
    if args.first().is_some_and(|first| first == ask::VERB) {
        return ask::run();
    }
    if std::process::id() == 1 {
        return pid1::run(&args);
    }
    match args.split_first() {
        Some((first, rest)) if first == child::VERB => child::run(rest),
        Some((first, [])) if first == Listing::ARGUMENT => list(),
        _ => {
            eprintln!("guest-init is the first process of a test guest: it mounts file systems,");
            eprintln!(
                "loads modules and powers off. Outside of one it does nothing; see `make test`."
            );
            ExitCode::from(2)
        }
    }
}

/// Prints the suites and cases for the host.
fn list() -> ExitCode {
    match serde_json::to_string(&cases::listing()) {
        Ok(listing) => {
            println!("{listing}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("guest-init {}: {error}", Listing::ARGUMENT);
            ExitCode::FAILURE
        }
    }
}
