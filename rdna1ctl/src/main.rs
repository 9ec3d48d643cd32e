// SPDX-License-Identifier: GPL-2.0

//! The command.

use std::process::ExitCode;

use clap::Parser as _;
use rdna1ctl::{cli::Arguments, commands};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match commands::run(&arguments) {
        Ok(status) => status.into(),
        Err(error) if commands::is_closed_pipe(&error) => 0.into(),
        Err(error) => {
            commands::complain(&format!("rdna1ctl: {error:#}"));
            commands::UNUSABLE.into()
        }
    }
}
