// SPDX-License-Identifier: GPL-2.0

//! QEMU and its words: the serial ports are read as they speak, and a watchdog
//! outside the guest ends what hangs.
//!
//! QEMU is given open sockets, so that no run leaves one behind, however it
//! ends, and no two are in each other's way.

mod machine;
mod running;

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::run;
pub use machine::Machine;
pub use running::{Extra, Running};

const PROGRAM: &str = "qemu-system-x86_64";

/// Words for every kernel: whatever goes wrong ends the boot at once, as a failure.
pub const COMMAND_LINE: &str = "oops=panic panic_on_warn=1 panic=-1";

/// Where something was said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Port {
    /// ttyS0.
    Console,
    /// ttyS1.
    Ktap,
    /// ttyS2.
    Output,
    /// QEMU's own messages.
    Qemu,
}

/// What ends a guest that hangs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest it may run.
    pub whole: Duration,
    /// The longest it may say nothing.
    pub silence: Duration,
    /// The longest until its first word.
    pub first_word: Duration,
    /// The most that it may say on a port, in bytes.
    pub most: usize,
}

/// A whole boot with all its debugging is a hundredth of it.
const MOST: usize = 64 << 20;

impl Limits {
    /// Those for a guest that is booted.
    pub fn new(whole: Duration, silence: Duration) -> Self {
        Self {
            whole,
            silence,
            first_word: silence,
            most: MOST,
        }
    }
}

/// A guest to be run.
#[derive(Debug)]
pub struct Guest<'a> {
    /// The kernel image.
    pub image: &'a Path,
    /// Its initramfs, if any.
    pub initramfs: Option<&'a Path>,
    /// What it runs on.
    pub machine: Machine,
    /// Its command line, but for the console.
    pub command_line: String,
    /// Words for `-accel` and `-cpu`.
    pub accelerator: &'a [&'a str],
    /// What ends it if it hangs.
    pub limits: Limits,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// QEMU ended by itself.
    Exited(ExitStatus),
    /// Nothing was said for so long.
    Silent(Duration),
    /// It did not end within its limit.
    OverTime(Duration),
    /// More than so many bytes came from one port.
    Flood(usize),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "QEMU ended with {status}"),
            Self::Silent(limit) => {
                write!(f, "no serial port said anything for {} s", limit.as_secs())
            }
            Self::Flood(limit) => write!(f, "more than {limit} bytes came from one port"),
            Self::OverTime(limit) => write!(f, "not at its end after {} s", limit.as_secs()),
        }
    }
}

/// The version of QEMU, which also shows that it is there.
pub fn version() -> Result<String> {
    let text = run::output(Command::new(PROGRAM).arg("--version"))
        .with_context(|| format!("{PROGRAM} is needed (Debian: qemu-system-x86)"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

impl Guest<'_> {
    /// Runs the guest to its end. Call it from a thread that lives as long:
    /// QEMU is killed when that thread ends.
    pub fn run(&self, mut said: impl FnMut(Port, &[u8])) -> Result<Ending> {
        self.start()?.listen(self.limits, |port, bytes| {
            said(port, bytes);
            Ok(())
        })
    }

    /// Boots it.
    pub fn start(&self) -> Result<Running> {
        let mut words = self.machine.words();
        words.extend(self.boot_words());
        Running::start(self.accelerator, words, Vec::new())
    }

    /// QEMU's words for what is booted.
    pub fn boot_words(&self) -> Vec<OsString> {
        let mut words = vec!["-kernel".into(), self.image.into()];
        if let Some(initramfs) = self.initramfs {
            words.extend(["-initrd".into(), initramfs.into()]);
        }
        let command_line = format!("console=ttyS0 {}", self.command_line);
        words.extend(["-append".into(), command_line.into()]);
        words
    }

    /// A command by which a human can boot the same guest again.
    pub fn by_hand(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![PROGRAM.into()];
        words.extend(self.machine.words());
        words.extend(self.accelerator.iter().map(OsString::from));
        for to in ["mon:stdio", "file:ktap.again", "file:output.again"] {
            words.extend(["-serial".into(), to.into()]);
        }
        words.extend(self.boot_words());
        words
    }
}
