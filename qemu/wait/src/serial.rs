// SPDX-License-Identifier: GPL-2.0

//! The serial ports to the host: KTAP on the second, the user's output on the third.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};
use nix::fcntl::OFlag;
use nix::sys::termios::{cfmakeraw, tcdrain, tcgetattr, tcsetattr, SetArg};

/// A port to the host. The console takes the place of a missing one.
pub enum Port {
    /// The serial port, in raw mode.
    Serial(File),
    /// Standard output, which for PID 1 is the console.
    Console(io::Stdout),
}

impl Port {
    /// Opens /dev/`name`, or falls back to the console and says why.
    pub fn open(name: &str) -> (Self, Option<String>) {
        match open_raw(&format!("/dev/{name}")) {
            Ok(file) => (Self::Serial(file), None),
            Err(error) => (
                Self::Console(io::stdout()),
                Some(format!("{error:#}; writing to the console instead")),
            ),
        }
    }

    /// Waits until the port has sent all bytes.
    pub fn drain(&mut self) {
        // An error here has nowhere to go: this is the port for reports.
        let _ = self.flush();
        if let Self::Serial(file) = self {
            let _ = tcdrain(&*file);
        }
    }
}

fn open_raw(path: &str) -> Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits());
    let file = options.open(path).with_context(|| format!("open {path}"))?;
    // A port without a UART opens, but has no settings.
    let mut settings = tcgetattr(&file).with_context(|| format!("{path} is no serial port"))?;
    cfmakeraw(&mut settings);
    tcsetattr(&file, SetArg::TCSANOW, &settings).with_context(|| format!("set {path} to raw"))?;
    Ok(file)
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Serial(file) => file.write(bytes),
            Self::Console(console) => console.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Serial(file) => file.flush(),
            Self::Console(console) => console.flush(),
        }
    }
}
