// SPDX-License-Identifier: GPL-2.0

//! The exit status for a program that ran, or that could not be started.

use std::ffi::OsString;
use std::io::ErrorKind;

use super::print_error;
use super::supervise::{End, NotStarted};

// The statuses of timeout(1) and env(1).
/// `--timeout` ended the program.
const TIMED_OUT: u8 = 124;
/// Nothing was run.
pub(super) const REFUSED: u8 = 125;
/// The program exists, and could not be started.
const NOT_STARTED: u8 = 126;
/// There is no such program.
const NOT_FOUND: u8 = 127;

/// Reports a program that could not be started; returns the exit status.
pub(super) fn not_started(command: &[OsString], NotStarted(error): &NotStarted) -> u8 {
    let name = command.first().map(|word| word.to_string_lossy());
    let name = name.unwrap_or_default();
    print_error(&format!("rdna1ctl: cannot run {name}: {error}"));
    match error.kind() {
        ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_STARTED,
    }
}

pub(super) fn status(end: End) -> u8 {
    match end {
        End::Exited(status) => u8::try_from(status).unwrap_or(u8::MAX),
        End::Killed(signal) => u8::try_from(128 + signal as i32).unwrap_or(u8::MAX),
        End::TimedOut { .. } | End::Stuck(_) => TIMED_OUT,
    }
}
