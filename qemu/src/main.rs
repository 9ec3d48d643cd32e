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
mod config;
mod cpio;
mod defects;
mod demo;
mod filter;
mod fleet;
mod host;
mod interrupt;
mod jobs;
mod judge;
mod kernels;
mod known;
mod matrix;
mod modules;
mod plan;
mod provision;
mod prune;
mod qemu;
mod report;
mod run;
mod selfcheck;
mod shell;
mod stamps;
mod tally;
mod terminal;
mod test;
mod ui;
mod warm;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{bail, Context as _, Result};
use clap::{Args, Parser, Subcommand};

use accel::Accelerator;
use build::{elf, Builder};
use cache::Cache;
use cargo::Cargo;
use kernels::{Kernel, Kernels};
use provision::{Provision, Ready};
use run::Privilege;
use test::Choice;
use ui::Ui;
use warm::{Pool, Snapshots};

#[derive(Parser)]
#[command(version, about = "Provisions, builds, boots and judges")]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Options {
    /// The checkout to work on (default: the one of the current folder)
    #[arg(long, global = true, value_name = "FOLDER")]
    repo: Option<PathBuf>,
    /// A kernel of qemu/kernels.toml, or `all` (default: those that `make test`
    /// boots unasked, or the first where one is enough)
    #[arg(long, global = true, value_name = "NAME")]
    kernel: Option<String>,
    /// Take a mirror whose Release file is expired
    #[arg(long, global = true)]
    allow_expired_release: bool,
    /// Ask the suite again which kernel it has now
    #[arg(long, global = true)]
    update: bool,
}

/// How guests are run.
#[derive(Args)]
struct Guests {
    /// How many run at once (default: the number of cores)
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    jobs: Option<usize>,
    /// Boot every guest, even where it could start from a saved one
    #[arg(long)]
    cold: bool,
    /// Keep all that a guest was booted with, and a script that boots it again;
    /// of those that fail it is always kept
    #[arg(long)]
    keep: bool,
    /// The longest that a guest may run, in place of the suites' own limits
    #[arg(long, value_name = "SECONDS", value_parser = at_least_one)]
    timeout: Option<usize>,
    /// More words for every guest, as rdna1.rounds=10000
    #[arg(long, value_name = "WORDS", value_parser = guest_words, default_value = "")]
    words: String,
}

impl Guests {
    fn limit(&self) -> Option<Duration> {
        self.timeout
            .map(|seconds| Duration::from_secs(seconds as u64))
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it takes one at least".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("no number".to_owned()),
    }
}

/// The kernel is not to be told anything: saved guests were booted without.
fn guest_words(text: &str) -> Result<String, String> {
    match text.split_whitespace().find(|w| !w.starts_with("rdna1.")) {
        Some(word) => Err(format!("{word} does not begin with rdna1.")),
        None => Ok(text.to_owned()),
    }
}

#[derive(Subcommand)]
enum Command {
    /// Fetch the stock kernel and prepare all that building and booting needs
    Provision,
    /// Build the modules and the guest
    Build,
    /// Boot the demo, show what the module says, and judge it
    Demo {
        /// Let the card's KFD node lie in the way of this rule
        #[arg(long, value_name = "RULE")]
        lie: Option<String>,
        #[command(flatten)]
        guests: Guests,
    },
    /// Run all checks; the last line is their count
    ///
    /// The status is 0 if something passed and nothing failed, 1 if something
    /// failed, and 2 if the checks could not be run.
    Test {
        #[command(flatten)]
        choice: Choice,
        /// Show the groups and cases, and run nothing
        #[arg(long)]
        list: bool,
        /// Put the report and the logs that it names in this folder, too
        #[arg(long, value_name = "FOLDER")]
        report: Option<PathBuf>,
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
    /// Start a guest with the module and a card, and a prompt in it
    Shell {
        #[command(flatten)]
        guests: Guests,
    },
    /// Time one case, warm and cold
    BenchStart {
        /// SUITE/CASE
        case: String,
        /// How often
        #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one)]
        runs: usize,
    },
    /// Show what was resolved
    Resolved,
    /// Show what the cache holds; remove what kernels.toml no longer names
    Prune {
        /// Really remove it
        #[arg(long)]
        yes: bool,
    },
}

/// What every command works with.
struct Context {
    repo: PathBuf,
    cache: Cache,
    cargo: Cargo,
    ui: Ui,
    privilege: Privilege,
    kernels: Kernels,
    options: Options,
}

impl Context {
    fn new(options: Options) -> Result<Self> {
        let repo = checkout(options.repo.as_deref())?;
        let cache = Cache::open()?;
        Ok(Self {
            cargo: Cargo::new(&repo, &cache),
            cache,
            ui: Ui::new(),
            privilege: Privilege::detect(),
            kernels: Kernels::load(&repo)?,
            options,
            repo,
        })
    }

    fn kernel(&self) -> Result<&Kernel> {
        self.kernels.find(self.options.kernel.as_deref())
    }

    /// The kernel named, or all of them, or those that `unasked` says.
    fn picked(&self, unasked: impl Fn(&Kernel) -> bool) -> Result<Vec<&Kernel>> {
        match self.options.kernel.as_deref() {
            Some(kernels::ALL) => Ok(self.kernels.iter().collect()),
            Some(name) => Ok(vec![self.kernels.find(Some(name))?]),
            None => Ok(self.kernels.iter().filter(|k| unasked(k)).collect()),
        }
    }

    /// Whether the user asks for one kernel alone.
    fn names_one_kernel(&self) -> bool {
        let name = self.options.kernel.as_deref();
        name.is_some_and(|name| name != kernels::ALL)
    }

    fn provisioning<'a>(&'a self, kernel: &'a Kernel) -> Provision<'a> {
        Provision {
            cache: &self.cache,
            ui: &self.ui,
            privilege: &self.privilege,
            repo: &self.repo,
            kernels: &self.kernels,
            kernel,
            allow_expired: self.options.allow_expired_release,
            update: self.options.update,
        }
    }

    /// All that building for a kernel and booting it needs.
    fn provision(&self, kernel: &Kernel) -> Result<Ready> {
        provision::provision(&self.provisioning(kernel))
    }

    /// The saved guests of a kernel; none of one without stock modules, which
    /// has nothing that takes long to load, nor a driver for the handover.
    fn pool<'a>(
        &'a self,
        ready: &'a Ready,
        guest: &'a build::Guest,
        accelerator: &'a Accelerator,
    ) -> Option<Pool<'a>> {
        let stock_archive = ready.stock_archive.as_deref()?;
        Some(Pool::new(Snapshots {
            cache: &self.cache,
            ui: &self.ui,
            privilege: &self.privilege,
            kernel: &ready.kernel,
            ready,
            stock_archive,
            waiter: &guest.waiter,
            accelerator,
        }))
    }

    fn builder<'a>(&'a self, ready: &'a Ready) -> Builder<'a> {
        let kernel = &ready.kernel;
        Builder {
            repo: &self.repo,
            cargo: &self.cargo,
            cache: &self.cache,
            ui: &self.ui,
            privilege: &self.privilege,
            kernel,
            ready,
            busy: self.cache.lock_file(&format!("{kernel}.build.busy")),
        }
    }
}

/// The checkout named, or the one that the current folder is in. Never that
/// which this program was built from: it may be another one, or gone.
fn checkout(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        let folder = named
            .canonicalize()
            .with_context(|| format!("--repo {}", named.display()))?;
        if !kernels::is_checkout(&folder) {
            bail!("--repo {}: no checkout of rdna1_kfd_guard", named.display());
        }
        return Ok(folder);
    }
    let here = std::env::current_dir().context("the current folder is gone")?;
    let found = here.ancestors().find(|folder| kernels::is_checkout(folder));
    let Some(found) = found else {
        bail!(
            "{} is in no checkout of rdna1_kfd_guard: go to one, or name it with --repo",
            here.display()
        );
    };
    Ok(found.canonicalize()?)
}

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
            for kernel in context.picked(|kernel| kernel.in_test)? {
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
            let products = context.builder(&ready).build()?;
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
        Command::BenchStart { case, runs } => bench::run(&context, &case, runs)?,
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
