// SPDX-License-Identifier: GPL-2.0

//! PID 1 of a guest that is saved as a snapshot; continues as `guest-init`.

use std::process::ExitCode;

fn main() -> ExitCode {
    modproof_wait::main()
}
