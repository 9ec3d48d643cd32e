// SPDX-License-Identifier: GPL-2.0

//! The boot harness: provisions stock kernels, builds the module for them,
//! boots them under QEMU and judges what came of it.

mod accel;
mod again;
mod bench;
mod boot;
mod build;
mod cache;
mod cargo;
mod checks;
mod cli;
mod config;
mod context;
mod cost;
mod cpio;
mod defects;
mod demo;
mod filter;
mod fleet;
mod hex;
mod host;
mod interrupt;
mod jobs;
mod judge;
mod kernels;
mod matrix;
mod modules;
mod packaging;
mod plan;
mod provision;
mod prune;
mod qemu;
mod report;
mod run;
mod runs;
mod selfcheck;
mod shell;
mod skips;
mod stamps;
mod tally;
mod terminal;
mod test;
mod ui;
mod warm;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use build::elf;
use cli::{Cli, Command, Guests};
use context::Context;
use kernels::Kernel;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run_command(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            report::Outcome::CouldNotRun.into()
        }
    }
}

fn run_command(cli: Cli) -> Result<ExitCode> {
    // The only one that needs neither a checkout nor a cache.
    if let Command::Judge { folder } = &cli.command {
        return judge_again(folder);
    }
    interrupt::install()?;
    let context = Context::new(cli.options)?;
    match cli.command {
        Command::Provision => {
            let mut failed = false;
            for kernel in context.picked(Kernel::is_in_test)? {
                match context.provision(kernel) {
                    Ok(ready) => println!("{}: {}", kernel.name, ready.choice.abi),
                    Err(error) => {
                        let tolerated = kernel.tolerates(&error).is_some();
                        // Who asks for that very kernel wants it.
                        failed |= !tolerated || context.names_one_kernel();
                        let word = if tolerated { "skipped" } else { "error" };
                        eprintln!("{word}: {}: {error:#}", kernel.name);
                    }
                }
            }
            if failed {
                return Ok(ExitCode::from(2));
            }
        }
        Command::Build => {
            let ready = context.provision(context.kernel()?)?;
            let products = context.builder(&ready)?.build()?;
            let sizes = elf::sizes(&products.guard)?;
            println!(
                "{}: .text {} bytes, .ko {} bytes",
                products.guard.display(),
                sizes.text,
                sizes.file
            );
        }
        Command::Demo { lie, guests } => return demo::run(&context, &guests, lie.as_deref()),
        Command::Test {
            list: true, choice, ..
        } => test::list(&context, &choice)?,
        Command::Test {
            choice,
            report,
            guests,
            ..
        } => return test::run(&context, &guests, &choice, report.as_deref()),
        Command::Shell { guests } => return shell::run(&context, &guests),
        Command::Bench {
            accept,
            filter,
            guests,
        } => return cost::run(&context, &guests, accept, filter.as_deref()),
        Command::BenchStart { case, runs } => bench::run(&context, &case, runs)?,
        Command::Packages { to } => packaging::make(&context, &to)?,
        Command::TestPackages { guests } => return packaging::test(&context, &guests),
        Command::Prune { yes } => prune::run(&context, yes)?,
        Command::Judge { folder } => return judge_again(&folder),
        Command::Resolved => {
            for kernel in context.picked(|_| true)? {
                match provision::describe(&context.cache, &kernel.name) {
                    Ok(text) => println!("{}\n{text}", kernel.name),
                    Err(error) => println!("{}\n{error:#}\n", kernel.name),
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn judge_again(folder: &Path) -> Result<ExitCode> {
    let verdict = judge::saved::judge_folder(folder)?;
    for reason in &verdict.reasons {
        println!("{reason}");
    }
    Ok(if verdict.passed() {
        println!("pass");
        report::Outcome::Pass.into()
    } else {
        report::Outcome::Fail.into()
    })
}
