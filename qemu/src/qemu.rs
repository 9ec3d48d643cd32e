// SPDX-License-Identifier: GPL-2.0

//! Starts QEMU, reads the serial ports of the guest, and kills a guest that hangs.
//!
//! QEMU gets open sockets in place of paths. So no run leaves a socket file behind, and parallel
//! runs do not collide.

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

/// Words for every kernel's command line: any oops or warning ends the boot at once as a failure.
pub const COMMAND_LINE: &str = "oops=panic panic_on_warn=1 panic=-1";

/// The source of some output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Port {
    /// The kernel's console, on ttyS0.
    Console,
    /// The guest's KTAP stream, on ttyS1.
    Ktap,
    /// Other output of the guest, on ttyS2.
    Output,
    /// QEMU's own messages.
    Qemu,
}

/// The limits that end a guest that hangs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest time that the guest may run.
    pub whole: Duration,
    /// The longest time without output.
    pub silence: Duration,
    /// The longest time until the first output.
    pub first_word: Duration,
    /// The most output on one port, in bytes.
    pub most: usize,
}

/// A complete boot with all debug output is a hundredth of this.
const MOST: usize = 64 << 20;

impl Limits {
    /// The limits for a guest that boots cold.
    pub fn new(whole: Duration, silence: Duration) -> Self {
        Self {
            whole,
            silence,
            first_word: silence,
            most: MOST,
        }
    }
}

/// A guest to run.
#[derive(Debug)]
pub struct Guest<'a> {
    /// The kernel image.
    pub image: &'a Path,
    /// The initramfs, if any.
    pub initramfs: Option<&'a Path>,
    /// The virtual machine.
    pub machine: Machine,
    /// The kernel's command line, except for the console.
    pub command_line: String,
    /// QEMU's arguments `-accel` and `-cpu`.
    pub accelerator: &'a [&'a str],
    /// The limits that end a guest that hangs.
    pub limits: Limits,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// QEMU ended by itself.
    Exited(ExitStatus),
    /// The guest printed nothing for that time.
    Silent(Duration),
    /// The guest did not end within that time.
    OverTime(Duration),
    /// A port printed more than that many bytes.
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

/// The version of QEMU. Fails if QEMU is not installed.
pub fn version() -> Result<String> {
    let text = run::output(Command::new(PROGRAM).arg("--version"))
        .with_context(|| format!("{PROGRAM} is needed (Debian: qemu-system-x86)"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

impl Guest<'_> {
    /// Runs the guest to its end. The calling thread must live as long as the guest: QEMU is
    /// killed when the thread ends.
    pub fn run(&self, mut said: impl FnMut(Port, &[u8])) -> Result<Ending> {
        self.start()?.listen(self.limits, |port, bytes| {
            said(port, bytes);
            Ok(())
        })
    }

    /// Starts the guest.
    pub fn start(&self) -> Result<Running> {
        let mut words = self.machine.words();
        words.extend(self.boot_words());
        Running::start(self.accelerator, words, Vec::new())
    }

    /// QEMU's arguments for the kernel, the initramfs and the command line.
    pub fn boot_words(&self) -> Vec<OsString> {
        let mut words = vec!["-kernel".into(), self.image.into()];
        if let Some(initramfs) = self.initramfs {
            words.extend(["-initrd".into(), initramfs.into()]);
        }
        let command_line = format!("console=ttyS0 {}", self.command_line);
        words.extend(["-append".into(), command_line.into()]);
        words
    }

    /// A command with which a person can boot the same guest again.
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
