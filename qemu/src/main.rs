// SPDX-License-Identifier: GPL-2.0

//! The program `modproof`: the command line of this library.

use std::process::ExitCode;

use clap::Parser;
use modproof::cli::{self, Command};
use modproof::{Options, Plain};

/// Boots stock kernels, and proves that a module loads, works, and unloads without a trace
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::exit(cli::run(cli.options, cli.command, &Plain))
}
