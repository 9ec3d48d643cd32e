// SPDX-License-Identifier: GPL-2.0

//! The commands of modproof.

use std::collections::BTreeSet;
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

/// A command of modproof.
#[derive(Subcommand)]
pub enum Command {
    /// Fetch the stock kernel, and prepare everything that builds and boots need
    Provision,
    /// Build the project's modules and programs
    Build,
    /// Run all checks; the last line counts the results
    ///
    /// The exit status is 0 if something passed and nothing failed, 1 if something failed, and 2 if
    /// the checks could not run.
    Test {
        /// The checks to run.
        #[command(flatten)]
        choice: Choice,
        /// Show the groups and cases, and run nothing
        #[arg(long)]
        list: bool,
        /// Also copy the report, and the logs that it names, to this folder
        #[arg(long, value_name = "FOLDER")]
        report: Option<PathBuf>,
        /// The options for guests.
        #[command(flatten)]
        guests: Guests,
    },
    /// Judge a boot again from its logs
    ///
    /// The exit status is 0 if the boot passed, 1 if it failed, and 2 if the logs cannot be read.
    Judge {
        /// The boot's folder, below `runs` in the cache
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Start a guest with a shell prompt
    Shell {
        /// The options for guests.
        #[command(flatten)]
        guests: Guests,
    },
    /// Show the chosen kernels and packages
    Resolved,
    /// Install the programs that modproof needs, with apt
    Setup,
    /// Show the contents of the cache; remove what the project no longer names
    Prune {
        /// Remove it; without this option, `prune` only lists it
        #[arg(long)]
        yes: bool,
    },
}

/// Runs a command.
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
            let kernel = context.kernel()?;
            let ready = context.provision(kernel)?;
            let mut parts = BTreeSet::new();
            for name in &kernel.suites {
                parts.extend(&context.project.suites.find(name)?.with);
            }
            let parts = parts.into_iter().map(|part| &**part);
            let products = context.builder(&ready)?.build(parts)?.expect_all()?;
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

/// Returns the program's exit status. Prints the error if there is one.
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
                // A user who names this kernel wants an error, not a skip.
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
