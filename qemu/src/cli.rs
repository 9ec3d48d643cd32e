// SPDX-License-Identifier: GPL-2.0

//! The commands.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::build::elf;
use crate::context::Context;
use crate::extension::Extension;
use crate::judge;
use crate::options::{Guests, Options};
use crate::test::Choice;
use crate::{interrupt, provision, prune, report, setup, shell, test};

/// A command.
#[derive(Subcommand)]
pub enum Command {
    /// Fetch the stock kernel and prepare all that building and booting needs
    Provision,
    /// Build the modules and programs of the project
    Build,
    /// Run all checks; the last line is their count
    ///
    /// The status is 0 if something passed and nothing failed, 1 if something
    /// failed, and 2 if the checks could not be run.
    Test {
        /// The choice of checks.
        #[command(flatten)]
        choice: Choice,
        /// Show the groups and cases, and run nothing
        #[arg(long)]
        list: bool,
        /// Put the report and the logs that it names in this folder, too
        #[arg(long, value_name = "FOLDER")]
        report: Option<PathBuf>,
        /// The options for guests.
        #[command(flatten)]
        guests: Guests,
    },
    /// Judge a boot by the logs that it left
    ///
    /// The status is 0 if it passed, 1 if it failed, and 2 if the logs cannot
    /// be read.
    Judge {
        /// A folder below `runs` in the cache
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Start a guest with a prompt in it
    Shell {
        /// The options for guests.
        #[command(flatten)]
        guests: Guests,
    },
    /// Show which kernels and packages were taken
    Resolved,
    /// Install the programs that this one needs, with apt
    Setup,
    /// Show what the cache holds; remove what the project no longer names
    Prune {
        /// Really remove it
        #[arg(long)]
        yes: bool,
    },
}

/// Does what is to be done.
pub fn run(options: Options, command: Command, extension: &dyn Extension) -> Result<ExitCode> {
    match command {
        Command::Judge { folder } => return judge_again(&folder),
        Command::Setup => return setup::run(),
        _ => interrupt::install()?,
    }
    let context = &Context::new(options)?;
    match command {
        Command::Provision => return provision_all(context),
        Command::Build => {
            let ready = context.provision(context.kernel()?)?;
            let products = context
                .builder(&ready)?
                .build(context.project.parts.names())?;
            let products = products.expect_all()?;
            for (name, path) in products.modules() {
                println!(
                    "{name}: .text {} bytes: {}",
                    elf::sizes(path)?.text,
                    path.display()
                );
            }
            drop(products);
            for module in &context.project.modules {
                context.builder(&ready)?.build_described(module)?;
            }
        }
        Command::Test {
            list: true, choice, ..
        } => test::list(context, &choice, extension)?,
        Command::Test {
            choice,
            report,
            guests,
            ..
        } => return test::run(context, &guests, &choice, report.as_deref(), extension),
        Command::Shell { guests } => return shell::run(context, &guests),
        Command::Prune { yes } => prune::run(context, yes)?,
        Command::Resolved => {
            for kernel in context.picked(|_| true)? {
                match provision::describe(&context.cache, &kernel.name) {
                    Ok(text) => println!("{}\n{text}", kernel.name),
                    Err(error) => println!("{}\n{error:#}\n", kernel.name),
                }
            }
        }
        Command::Judge { .. } | Command::Setup => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The exit status of a program; an error is told.
pub fn exit(result: Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        report::Outcome::CouldNotRun.into()
    })
}

fn provision_all(context: &Context) -> Result<ExitCode> {
    let mut failed = false;
    for kernel in context.picked(|kernel| kernel.in_test)? {
        match context.provision(kernel) {
            Ok(ready) => println!("{}: {}", kernel.name, ready.choice.abi),
            Err(error) => {
                let tolerated = kernel.tolerates(&error).is_some();
                // Somebody who names the kernel wants it.
                failed |= !tolerated || context.names_one_kernel();
                let word = if tolerated { "skipped" } else { "error" };
                eprintln!("{word}: {}: {error:#}", kernel.name);
            }
        }
    }
    Ok(if failed {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    })
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
