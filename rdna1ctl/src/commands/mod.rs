// SPDX-License-Identifier: GPL-2.0

//! The commands: what is read, and how it is told.

mod archive;
mod environment;
mod generate;
mod hide;
mod metrics;
mod report;
mod run;
mod show;
mod supervise;
mod watch;

use std::io::Write as _;
use std::path::Path;

use anyhow::{Error, Result};

use crate::cli::{Arguments, Command, File};
use crate::root::Root;

/// All is well.
pub const WELL: u8 = 0;
/// A lie, a trouble, or a refusal.
pub const BAD: u8 = 1;
/// Wrong arguments, or something could not be read.
pub const UNUSABLE: u8 = 2;
/// No lie, but an unknown.
pub const AN_UNKNOWN: u8 = 3;

/// Does what the command line says; gives the exit status.
pub fn run(arguments: &Arguments) -> Result<u8> {
    let root = Root::new(&arguments.root);
    match &arguments.command {
        Command::Status(how) => show::status(&root, how.json),
        Command::Heaps(how) => show::file(&root, File::Heaps, how.json),
        Command::Checks(how) => show::file(&root, File::Checks, how.json),
        Command::Gpus(how) => show::file(&root, File::Gpus, how.json),
        Command::Counters(how) => show::file(&root, File::Counters, how.json),
        Command::Requests(how) => show::file(&root, File::Requests, how.json),
        Command::Doctor(how) => show::doctor(&root, how.json),
        Command::Env(how) => environment::env(&root, how.json),
        Command::Run(how) => run::run(&root, how),
        Command::Watch(how) => watch::watch(&root, how),
        Command::Metrics(how) => metrics::metrics(&root, how),
        Command::Report(how) => report::report(&root, how),
        Command::Generate(how) => generate::generate(how),
    }
}

/// Prints on stdout; colours only where they are wanted.
fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Says a line on stderr. What is being done goes on, and ends as it would, where nobody hears it.
pub fn complain(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// The folder that a file is to be in.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether the reader of our output has gone, as `head` does.
pub fn is_closed_pipe(error: &Error) -> bool {
    error.chain().any(|cause| {
        let cause = cause.downcast_ref::<std::io::Error>();
        cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// The exit status for the worst verdict.
fn of_verdict(verdict: Option<&str>) -> u8 {
    match verdict {
        Some("lie") => BAD,
        Some("unknown") => AN_UNKNOWN,
        _ => WELL,
    }
}
