// SPDX-License-Identifier: GPL-2.0

//! The commands: each reads facts and prints them.

mod archive;
mod check;
mod ending;
mod environment;
mod generate;
mod hide;
mod metrics;
mod report;
mod requests;
mod run;
mod show;
mod supervise;
mod used;
mod watch;

use std::io::Write as _;
use std::path::Path;

use anyhow::{Error, Result};

use crate::cli::{Arguments, Command, File};
use crate::root::Root;

/// Nothing is wrong.
pub const WELL: u8 = 0;
/// A lie, a trouble, or a refusal.
pub const BAD: u8 = 1;
/// Wrong arguments, unreadable files, or requests that cannot be traced.
pub const UNUSABLE: u8 = 2;
/// No lie, but an unknown.
pub const AN_UNKNOWN: u8 = 3;

/// Runs the command of the command line; returns the exit status.
pub fn run(arguments: &Arguments) -> Result<u8> {
    let root = Root::new(&arguments.root);
    match &arguments.command {
        Command::Status(how) => show::status(&root, how.json),
        Command::Heaps(how) => show::file(&root, File::Heaps, how.json),
        Command::Checks(how) => show::file(&root, File::Checks, how.json),
        Command::Gpus(how) => show::file(&root, File::Gpus, how.json),
        Command::Counters(how) => show::file(&root, File::Counters, how.json),
        Command::Requests(how) => requests::requests(&root, how),
        Command::Doctor(how) => show::doctor(&root, how.json),
        Command::Check(how) => check::check(&root, how),
        Command::Env(how) => environment::env(&root, how.json),
        Command::Run(how) => run::run(&root, how),
        Command::Watch(how) => watch::watch(&root, how),
        Command::Metrics(how) => metrics::metrics(&root, how),
        Command::Report(how) => report::report(&root, how),
        Command::Generate(how) => generate::generate(how),
    }
}

/// Prints on stdout, with colours only where `anstream` allows them.
fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints a line on stderr. If that fails, neither the work nor the exit status changes.
pub fn print_error(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// The folder for a new file.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether the reader of our output has closed the pipe, as `head` does.
pub fn is_closed_pipe(error: &Error) -> bool {
    error.chain().any(|cause| {
        let cause = cause.downcast_ref::<std::io::Error>();
        cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// The exit status for the worst verdict. A card that KFD does not list is neither a lie nor an
/// unknown; `doctor` reports it.
fn of_verdict(verdict: Option<&str>) -> u8 {
    match verdict {
        Some("lie") => BAD,
        Some("unknown") => AN_UNKNOWN,
        _ => WELL,
    }
}
