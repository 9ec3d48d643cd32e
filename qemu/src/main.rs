//! The boot harness: provisions stock kernels, builds the module for them,
//! boots them under QEMU and judges what came of it.

mod accel;
mod cache;
mod config;
mod cpio;
mod provision;
mod run;
mod ui;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use cache::Cache;
use config::Kernels;
use provision::{Provision, Ready};
use run::Privilege;
use ui::Ui;

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
    /// A kernel of qemu/kernels.toml (default: the first)
    #[arg(long, global = true, value_name = "NAME")]
    kernel: Option<String>,
    /// Take a mirror whose Release file is expired
    #[arg(long, global = true)]
    allow_expired_release: bool,
    /// Ask the suite again which kernel it has now
    #[arg(long, global = true)]
    update: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch the stock kernel and prepare all that building and booting needs
    Provision,
    /// Show what was resolved
    Resolved,
}

/// What every command works with.
struct Context {
    repo: PathBuf,
    cache: Cache,
    ui: Ui,
    privilege: Privilege,
    kernels: Kernels,
    options: Options,
}

impl Context {
    fn new(options: Options) -> Result<Self> {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let repo = repo.canonicalize()?;
        Ok(Self {
            cache: Cache::open()?,
            ui: Ui::new(),
            privilege: Privilege::detect(),
            kernels: Kernels::load(&repo)?,
            options,
            repo,
        })
    }

    fn kernel(&self) -> Result<&config::Kernel> {
        self.kernels.find(self.options.kernel.as_deref())
    }

    fn provision(&self) -> Result<Ready> {
        self.privilege.obtain()?;
        provision::provision(&Provision {
            cache: &self.cache,
            ui: &self.ui,
            privilege: &self.privilege,
            kernel: self.kernel()?,
            packages: self.kernels.root_packages(),
            allow_expired: self.options.allow_expired_release,
            update: self.options.update,
        })
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run_command(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run_command(cli: Cli) -> Result<ExitCode> {
    let context = Context::new(cli.options)?;
    match cli.command {
        Command::Provision => {
            let ready = context.provision()?;
            let counted = provision::symbols::check(&ready.stock_headers(), &ready.object())?;
            println!("{}: {counted}", ready.choice.abi);
        }
        Command::Resolved => {
            print!(
                "{}",
                provision::describe(&context.cache, &context.kernel()?.name)?
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
