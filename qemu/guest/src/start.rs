// SPDX-License-Identifier: GPL-2.0

//! The start of a guest program: as PID 1, as a helper, or on the host.

use std::process::ExitCode;

use modproof_formats::Listing;

use crate::child;
use crate::pid1;
use crate::program::Program;

impl Program {
    /// The program's `main`.
    pub fn main(&self) -> ExitCode {
        let args: Vec<String> = std::env::args().skip(1).collect();
        // First, since a helper in its own pid namespace may be PID 1, too.
        if let Some((first, rest)) = args.split_first() {
            if first == child::VERB {
                return child::run(rest);
            }
            if let Some((_, run)) = self.verbs.iter().find(|(verb, _)| verb == first) {
                return run(rest);
            }
        }
        if std::process::id() == 1 {
            return pid1::run(self, &args);
        }
        if args == [Listing::ARGUMENT] {
            return self.list();
        }
        eprintln!(
            "This is the first process of a test guest: it mounts file systems, loads modules"
        );
        eprintln!(
            "and powers off. On a host, {} prints its suites and cases.",
            Listing::ARGUMENT
        );
        ExitCode::from(2)
    }

    fn list(&self) -> ExitCode {
        match serde_json::to_string(&self.listing()) {
            Ok(listing) => {
                println!("{listing}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("cannot print the suites: {error}");
                ExitCode::FAILURE
            }
        }
    }
}
