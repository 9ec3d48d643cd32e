// SPDX-License-Identifier: GPL-2.0

//! PID 1 of a guest that is saved as a snapshot. After a restore it executes the test program.

use std::process::ExitCode;

fn main() -> ExitCode {
    modproof_wait::main()
}
