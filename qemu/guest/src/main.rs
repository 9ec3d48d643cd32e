// SPDX-License-Identifier: GPL-2.0

//! The generic PID 1 of a test guest: it has the suite `any-module`.

use std::process::ExitCode;

use modproof_guest::Program;

fn main() -> ExitCode {
    Program::BARE.main()
}
