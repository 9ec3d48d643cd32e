// SPDX-License-Identifier: GPL-2.0

//! One run of QEMU: the serial ports are read as they speak, and a watchdog
//! outside the guest ends what hangs.

use std::fmt;
use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::run;

const PROGRAM: &str = "qemu-system-x86_64";

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

const SERIAL_PORTS: [Port; 3] = [Port::Console, Port::Ktap, Port::Output];

/// A guest to be run.
#[derive(Debug)]
pub struct Guest<'a> {
    /// The kernel image.
    pub image: &'a Path,
    /// Its initramfs, if any.
    pub initramfs: Option<&'a Path>,
    /// Its command line, but for the console.
    pub command_line: String,
    /// Words for `-accel` and `-cpu`.
    pub accelerator: &'a [&'a str],
    /// The longest it may run.
    pub limit: Duration,
    /// The longest it may say nothing.
    pub silence: Duration,
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
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "QEMU ended with {status}"),
            Self::Silent(limit) => {
                write!(f, "no serial port said anything for {} s", limit.as_secs())
            }
            Self::OverTime(limit) => write!(f, "not at its end after {} s", limit.as_secs()),
        }
    }
}

enum Event {
    Said(Port, Vec<u8>),
    Closed(Port),
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
        // The name of a socket must be short, and a cache folder's may be long.
        let sockets = tempfile::Builder::new().prefix("rdna1-").tempdir()?;
        let paths: Vec<PathBuf> = (0..SERIAL_PORTS.len())
            .map(|n| sockets.path().join(n.to_string()))
            .collect();
        let listeners = paths
            .iter()
            .map(UnixListener::bind)
            .collect::<Result<Vec<_>, _>>()
            .context("cannot listen for the guest's serial ports")?;

        let mut child = self
            .command(&paths)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start setpriv (Debian: util-linux)")?;
        let own_messages = child.stderr.take();

        let (events, heard) = channel();
        for (port, listener) in SERIAL_PORTS.into_iter().zip(listeners) {
            let events = events.clone();
            std::thread::spawn(move || {
                if let Ok((stream, _)) = listener.accept() {
                    pump(stream, port, &events);
                }
                let _ = events.send(Event::Closed(port));
            });
        }
        std::thread::spawn(move || {
            if let Some(pipe) = own_messages {
                pump(pipe, Port::Qemu, &events);
            }
            let _ = events.send(Event::Closed(Port::Qemu));
        });

        let started = Instant::now();
        let mut last_word = started;
        let mut open = SERIAL_PORTS.len() + 1;
        let mut stopped = None;
        while open > 0 {
            let silent_at = last_word + self.silence;
            let over_at = started + self.limit;
            let wait = silent_at
                .min(over_at)
                .saturating_duration_since(Instant::now());
            let event = match stopped {
                // It was killed: what it said before is still to be read.
                Some(_) => heard.recv().map_err(|_| RecvTimeoutError::Disconnected),
                None => heard.recv_timeout(wait),
            };
            match event {
                Ok(Event::Said(port, bytes)) => {
                    last_word = Instant::now();
                    said(port, &bytes);
                }
                Ok(Event::Closed(port)) => {
                    open -= 1;
                    if port == Port::Qemu {
                        // It is gone; ports it never opened wait no longer.
                        for path in &paths {
                            let _ = UnixStream::connect(path);
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    stopped = Some(if Instant::now() >= over_at {
                        Ending::OverTime(self.limit)
                    } else {
                        Ending::Silent(self.silence)
                    });
                    child.kill().context("cannot end QEMU")?;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = child.wait().context("cannot wait for QEMU")?;
        Ok(stopped.unwrap_or(Ending::Exited(status)))
    }

    fn command(&self, sockets: &[PathBuf]) -> Command {
        let mut command = run::dying_with_us(PROGRAM);
        command.args(["-machine", "q35", "-m", "1024", "-smp", "1"]);
        command.args(["-nodefaults", "-no-user-config", "-no-reboot"]);
        command.args(["-display", "none"]);
        command.args(self.accelerator);
        for (number, path) in sockets.iter().enumerate() {
            let path = path.display();
            command
                .arg("-chardev")
                .arg(format!("socket,id=port{number},path={path}"));
            command.arg("-serial").arg(format!("chardev:port{number}"));
        }
        command.arg("-kernel").arg(self.image);
        if let Some(initramfs) = self.initramfs {
            command.arg("-initrd").arg(initramfs);
        }
        command
            .arg("-append")
            .arg(format!("console=ttyS0 {}", self.command_line));
        command
    }
}

fn pump(mut from: impl Read, port: Port, events: &Sender<Event>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = buffer[..length].to_vec();
        if events.send(Event::Said(port, bytes)).is_err() {
            return;
        }
    }
}
