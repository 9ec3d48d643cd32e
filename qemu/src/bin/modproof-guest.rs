// SPDX-License-Identifier: GPL-2.0

//! PID 1 of a guest that tests a module described by a `[[module]]` section.

use std::process::ExitCode;

use modproof_guest::Program;

fn main() -> ExitCode {
    Program::BARE.main()
}
