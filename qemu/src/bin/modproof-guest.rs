// SPDX-License-Identifier: GPL-2.0

//! PID 1 of a guest that tries a module which is only described.

use std::process::ExitCode;

use modproof_guest::Program;

fn main() -> ExitCode {
    Program::BARE.main()
}
