// SPDX-License-Identifier: GPL-2.0

//! The entry point: parses the arguments, runs the command, and sets the exit status.

use std::process::ExitCode;

use clap::Parser as _;
use rdna1ctl::{cli::Arguments, commands};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match commands::run(&arguments) {
        Ok(status) => status.into(),
        Err(error) if commands::is_closed_pipe(&error) => 0.into(),
        Err(error) => {
            commands::print_error(&format!("rdna1ctl: {error:#}"));
            commands::UNUSABLE.into()
        }
    }
}
