// SPDX-License-Identifier: GPL-2.0

//! Helper processes: this program starts itself again, in a place that sees less than PID 1 does
//! (another root, namespace, cgroup or AppArmor profile).

mod helper;
mod place;
mod verbs;

use std::io::Write;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

pub use helper::Helper;
pub use place::{read_from, Place};
pub use verbs::{FORK, THREAD, VERB};

/// Runs the helper that the arguments after [`VERB`] name.
pub fn run(args: &[String]) -> ExitCode {
    match args.split_first() {
        Some((first, rest)) if first == FORK => return run_in_child(rest),
        Some((first, rest)) if first == THREAD => return run_in_place(rest),
        _ => {}
    }
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = helper::run(&words).unwrap_or_else(|| place::read_here(&words));
    match done.and_then(|text| Ok(std::io::stdout().write_all(text.as_bytes())?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs this program once more, as a child that this process waits for.
fn run_in_child(args: &[String]) -> ExitCode {
    match Command::new("/proc/self/exe").args(args).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs this program in place of this process, by a thread that is not its first.
fn run_in_place(args: &[String]) -> ExitCode {
    let mut command = Command::new("/proc/self/exe");
    command.args(args);
    // exec returns only if it fails.
    let thread = std::thread::spawn(move || command.exec());
    eprintln!("exec: {:?}", thread.join());
    ExitCode::FAILURE
}
