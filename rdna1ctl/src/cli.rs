// SPDX-License-Identifier: GPL-2.0

//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Show the state of a Radeon RX 5600 XT, 5700 or 5700 XT, and what to do about trouble.
///
/// Reads the files of the kernel module rdna1_kfd_guard. Without the module, or without root, it
/// reads KFD's sysfs with the module's own code, and says so. It changes nothing, and it does not
/// wake a sleeping card.
///
/// Exit status of status, heaps, checks and gpus: 0 if all verdicts are truth, or KFD lists no
/// card; 1 for a lie; 3 for an unknown without a lie. doctor: 0 without trouble, else 1. check: 0
/// for code for the card, 1 for none, 3 if unknown. env: 0, or 1 if it refuses. run: that of the
/// command. requests: that of the command; without a command 0, or 3 if requests may be missing.
/// All: 2 for wrong arguments, unreadable files, or if tracing is impossible.
#[derive(Debug, Parser)]
#[command(name = "rdna1ctl", version, propagate_version = true)]
pub struct Arguments {
    /// Read the system with this root folder.
    #[arg(
        long,
        global = true,
        hide = true,
        value_name = "FOLDER",
        default_value = "/"
    )]
    pub root: PathBuf,

    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the state of each card: verdict, driver, KFD, memory, path
    Status(Json),
    /// Show each memory bank: size, flags, verdict
    Heaps(Json),
    /// Show each rule: expected, observed, verdict
    Checks(Json),
    /// Show all facts about each card on the PCI bus
    Gpus(Json),
    /// Show the module's counters
    Counters(Json),
    /// Trace the requests of programs to KFD: memory by heap and grain, policies, queues, SVM
    ///
    /// The kernel counts requests per process and card as they enter, failed ones included. The
    /// count ends with Ctrl-C, after --seconds, or with the process of --pid or COMMAND. On a
    /// terminal the numbers appear every second, elsewhere once at the end. Needs root (or CAP_BPF
    /// and CAP_PERFMON) and a loaded amdgpu. Does not need the module.
    Requests(Requests),
    /// Find problems, and show how to fix each
    ///
    /// Looks at the verdicts, the module, the driver and its parameters, the kernel log,
    /// permissions of the devices, libraries, and environment variables: those of running programs,
    /// of the shell, and of files that later programs read. Opens no device. With sudo it also
    /// judges your own access.
    Doctor(Json),
    /// Say whether libraries have code for the card, before a program starts
    ///
    /// Looks into a Python environment (venv, conda), the folder of an application such as ollama
    /// or llama.cpp, a container's root, or one file. Without PATH it looks into the active Python
    /// environment and the installed ROCm. It starts no program.
    ///
    /// Exit status: 0 if all have code for gfx1010; 1 if one has none, or only code that needs an
    /// override; 3 if that is unknown, or there is no such library; 2 if a PATH cannot be read.
    Check(Check),
    /// Print the variables that fit this card and this ROCm, each with its reason
    ///
    /// The lines are for a shell: eval "$(rdna1ctl env)". Refuses if KFD's topology does not match
    /// the hardware.
    Env(Json),
    /// Run a command with the variables of `env`, and show its requests to KFD
    ///
    /// Afterwards it prints on stderr the requests of the command and its children to KFD, if
    /// tracing works (see `requests`), and new lines of the kernel log, faults and resets first. It
    /// does so also if the command crashed or hung. The exit status is the command's; 128 + N if
    /// signal N ended it; 124 if --timeout ended it; 125 if nothing was run; 126 or 127 if it could
    /// not be started.
    Run(Run),
    /// Show the status, then each change
    Watch(Watch),
    /// Print metrics in Prometheus' text format
    Metrics(Metrics),
    /// Collect what a bug report needs in one archive
    ///
    /// Judge it on another machine: `classify --pci FOLDER/pci FOLDER`.
    Report(Report),
    /// Write the manual pages, the completions and the schemas of --json into a folder
    #[command(hide = true)]
    Generate(Generate),
}

/// One of the module's files that has a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// `heaps`
    Heaps,
    /// `checks`
    Checks,
    /// `gpus`
    Gpus,
    /// `counters`
    Counters,
}

/// How a command prints.
#[derive(Debug, Args)]
pub struct Json {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// A folder or a file
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// `requests`.
#[derive(Debug, Args)]
pub struct Requests {
    /// Count only this process's requests, until it ends
    #[arg(long, value_name = "PID", conflicts_with = "command")]
    pub pid: Option<u32>,

    /// End after that many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "command")]
    pub seconds: Option<Duration>,

    /// Print JSON at the end. The output of COMMAND then goes to stderr
    #[arg(long)]
    pub json: bool,

    /// The maximum number of pairs of a process and a card
    #[arg(long, hide = true, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub room: Option<u32>,

    /// Run this command, and count only its requests and those of its children
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// End the command after that many seconds: with SIGTERM, and with SIGKILL 10 seconds later
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,

    /// Keep the environment, and run even if KFD's topology does not match the hardware
    #[arg(long)]
    pub no_env: bool,

    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub command: Vec<OsString>,
}

/// `watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// Read again every SECONDS seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub interval: Duration,

    /// End after NUMBER reads
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
}

/// `metrics`.
#[derive(Debug, Args)]
pub struct Metrics {
    /// Replace that file in one step, for node_exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// The archive; default: rdna1-report.tar.gz
    #[arg(value_name = "FILE", default_value = "rdna1-report.tar.gz")]
    pub file: PathBuf,

    /// Leave nothing out: serial numbers, names and ids of programs, their variables, the folders
    /// of their libraries, the whole kernel log and command line
    #[arg(long)]
    pub private: bool,
}

/// `generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// The folder
    pub folder: PathBuf,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("{text} is not a number"))?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("{text} is not a valid interval")),
    }
}
