// SPDX-License-Identifier: GPL-2.0

//! PID 1 of a guest that the host saves in a snapshot.
//!
//! It loads the stock modules named by `modproof.load=NAME,NAME` on the kernel command line, tells
//! the host, and waits. In the restored guest it unpacks the files that the host hands over, and
//! replaces itself with the program among them.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{ensure, Context, Result};
use modproof_formats::words::{LOAD, PREFIX, WAITING, WORDS_FILE};
use nix::sys::reboot::{reboot, RebootMode};
use nix::unistd::execv;

use crate::modules::Modules;
use crate::serial::Port;
use crate::{handover, mounts};

/// The program that replaces this one.
const PROGRAM: &str = "/init";

/// Waits, then executes the handed-over program. It returns only outside of a guest.
pub fn main() -> ExitCode {
    if std::process::id() != 1 {
        eprintln!(
            "modproof-wait is the first process of a test guest that is saved in a snapshot."
        );
        return ExitCode::from(2);
    }
    let Err(error) = wait();
    // Report to the console, for the reader, and to the port, for the host.
    eprintln!("modproof-wait: {error:#}");
    let (mut port, _) = Port::open("ttyS1");
    let _ = writeln!(port, "# modproof-wait: {error:#}");
    port.drain();
    let Err(errno) = reboot(RebootMode::RB_POWER_OFF);
    eprintln!("modproof-wait: power off: {errno}");
    loop {
        std::thread::park();
    }
}

/// Waits for the host's files and executes the program among them; it returns only to fail.
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

    // After a restore, days may have passed, and another host program has the other end.
    handover::unpack(BufReader::new(archive), Path::new("/"))?;
    let words = fs::read_to_string(Path::new("/").join(WORDS_FILE))
        .context("read what to do from the archive")?;
    let words = std::iter::once(PROGRAM).chain(words.split_whitespace());
    let words: Vec<CString> = words.map(CString::new).collect::<Result<_, _>>()?;
    execv(&words[0], &words).with_context(|| format!("start {PROGRAM}"))
}

/// The stock modules that the command line names.
fn to_load(command_line: &str) -> impl Iterator<Item = &str> {
    let words = command_line.split_whitespace();
    words
        .filter_map(|word| {
            word.strip_prefix(PREFIX)?
                .strip_prefix(LOAD)?
                .strip_prefix('=')
        })
        .flat_map(|names| names.split(','))
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use modproof_formats::words::word;

    use super::*;

    #[test]
    fn the_command_line_names_what_to_load() {
        let names = |text: &str| to_load(text).map(str::to_owned).collect::<Vec<_>>();
        let two = format!("a {} b\n", word(LOAD, "e1000,crc16"));
        assert_eq!(names(&two), ["e1000", "crc16"]);
        let none = format!("a {} b", word(LOAD, ""));
        assert!(names(&none).is_empty() && names("quiet").is_empty());
    }
}
