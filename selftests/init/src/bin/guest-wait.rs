// SPDX-License-Identifier: GPL-2.0

//! PID 1 of a guest that is to be kept in a snapshot: loads what the command
//! line names, says so, and waits. What the host then hands over, it becomes.
//!
//! `rdna1.load=NAME,NAME` on the kernel's command line names stock modules.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{ensure, Context, Result};
use nix::sys::reboot::{reboot, RebootMode};
use nix::unistd::execv;

use guest_init::modules::Modules;
use guest_init::serial::Port;
use guest_init::{handover, mounts};

/// The word that names what is loaded before the wait.
const LOAD: &str = "rdna1.load=";
/// What the guest becomes.
const PROGRAM: &str = "/init";
/// What tells the host that the guest can be saved now.
const WAITING: &str = "# rdna1 waiting";

fn main() -> ExitCode {
    if std::process::id() != 1 {
        eprintln!("guest-wait is the first process of a test guest that is kept in a snapshot.");
        return ExitCode::from(2);
    }
    let Err(error) = wait();
    // The console has it for the reader, the port for the host.
    eprintln!("guest-wait: {error:#}");
    let (mut port, _) = Port::open("ttyS1");
    let _ = writeln!(port, "# guest-wait: {error:#}");
    port.drain();
    let Err(errno) = reboot(RebootMode::RB_POWER_OFF);
    eprintln!("guest-wait: power off: {errno}");
    loop {
        std::thread::park();
    }
}

/// Waits, and becomes the program that comes.
fn wait() -> Result<Infallible> {
    let troubles = mounts::mount_first();
    ensure!(troubles.is_empty(), "{}", troubles.join(", "));
    let modules = Modules::find()?;
    for name in to_load(&fs::read_to_string("/proc/cmdline").context("read /proc/cmdline")?) {
        modules.load_stock(name)?;
    }
    let archive = handover::open()?;
    let (mut port, missing) = Port::open("ttyS1");
    ensure!(missing.is_none(), "{}", missing.unwrap_or_default());
    writeln!(port, "{WAITING}").context("write to ttyS1")?;
    port.drain();
    drop(port);

    // From here on it may be another day, and another host program at the other end.
    handover::unpack(BufReader::new(archive), Path::new("/"))?;
    let words = fs::read_to_string(Path::new("/").join(handover::WORDS))
        .context("read what to do from the archive")?;
    let words = std::iter::once(PROGRAM).chain(words.split_whitespace());
    let words: Vec<CString> = words.map(CString::new).collect::<Result<_, _>>()?;
    execv(&words[0], &words).with_context(|| format!("start {PROGRAM}"))
}

/// The stock modules that the command line names.
fn to_load(command_line: &str) -> impl Iterator<Item = &str> {
    let words = command_line.split_whitespace();
    words
        .filter_map(|word| word.strip_prefix(LOAD))
        .flat_map(|names| names.split(','))
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_what_to_load() {
        let names = |text| to_load(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(names("a rdna1.load=amdgpu,crc16 b\n"), ["amdgpu", "crc16"]);
        assert!(names("a rdna1.load= b").is_empty() && names("quiet").is_empty());
    }
}
