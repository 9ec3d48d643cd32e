// SPDX-License-Identifier: GPL-2.0

//! A running QEMU. Receives the output of its ports, and kills it if it hangs.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError, SyncSender};
use std::time::Instant;

use anyhow::{Context, Result};
use command_fds::{CommandFdExt, FdMapping};

use super::{Ending, Limits, Port, PROGRAM};
use crate::run;

/// The guest's serial ports, in QEMU's order.
const SERIAL_PORTS: [Port; 3] = [Port::Console, Port::Ktap, Port::Output];

/// The length of the queue of output. If it is full, the port's reader waits.
const UNHEARD: usize = 256;

/// The first file descriptor that QEMU inherits from modproof.
const FIRST_FD: i32 = 3;

/// A socket that QEMU gets in addition to the serial ports.
pub struct Extra {
    /// The name of its chardev.
    pub name: &'static str,
    /// QEMU's arguments for the device on that chardev.
    pub device: [String; 2],
    /// QEMU's end of the socket pair.
    pub socket: UnixStream,
}

enum Event {
    Said(Port, Vec<u8>),
    Closed,
}

/// A running QEMU. Dropping this kills it.
pub struct Running {
    child: Child,
    heard: Receiver<Event>,
    input: UnixStream,
}

impl Running {
    /// Starts QEMU with the guest's serial ports and the extra sockets.
    pub fn start(accelerator: &[&str], words: Vec<OsString>, extras: Vec<Extra>) -> Result<Self> {
        let mut command = run::killed_with_parent(PROGRAM);
        command.args(words).args(accelerator);
        let mut ends = Vec::new();
        let mut give = |command: &mut Command, name: &str, socket: UnixStream| {
            let child_fd = FIRST_FD + ends.len() as i32;
            let chardev = format!("socket,id={name},fd={child_fd}");
            command.args(["-chardev", &chardev]);
            ends.push(FdMapping {
                parent_fd: socket.into(),
                child_fd,
            });
        };
        let (events, heard) = sync_channel(UNHEARD);
        let mut ours = Vec::new();
        for (number, port) in SERIAL_PORTS.into_iter().enumerate() {
            let (end, theirs) = UnixStream::pair().context("cannot make a socket")?;
            let name = format!("port{number}");
            give(&mut command, &name, theirs);
            command.args(["-serial", &format!("chardev:{name}")]);
            ours.push((port, end));
        }
        for extra in extras {
            give(&mut command, extra.name, extra.socket);
            command.args(extra.device);
        }
        command
            .fd_mappings(ends)
            .context("file descriptors of QEMU")?;
        // QEMU has its own process group, so Ctrl-C does not reach it. modproof kills it itself, so
        // the death does not look as if QEMU had ended by itself.
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start setpriv (Debian: util-linux)")?;
        // This closes our copies of QEMU's ends, so that the ports close when QEMU ends.
        drop(command);

        let (_, output) = ours.last().context("no serial port")?;
        let input = output.try_clone().context("cannot copy a socket")?;
        for (port, end) in ours {
            let events = events.clone();
            std::thread::spawn(move || pump(end, port, &events));
        }
        if let Some(pipe) = child.stderr.take() {
            std::thread::spawn(move || pump(pipe, Port::Qemu, &events));
        }
        Ok(Self {
            child,
            heard,
            input,
        })
    }

    /// The socket for input to the port [`Port::Output`].
    pub fn input(&self) -> Result<UnixStream> {
        Ok(self.input.try_clone()?)
    }

    /// Kills QEMU, and returns QEMU's own error messages.
    pub fn complaint(mut self) -> String {
        let _ = self.child.kill();
        let mut said = Vec::new();
        let mut open = SERIAL_PORTS.len() + 1;
        while open > 0 {
            match self.heard.recv() {
                Ok(Event::Said(Port::Qemu, bytes)) => said.extend(bytes),
                Ok(Event::Said(..)) => {}
                Ok(Event::Closed) => open -= 1,
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&said).trim().to_owned()
    }

    /// Passes all output to `said` until QEMU ends. An error of `said` kills QEMU.
    pub fn listen(
        mut self,
        limits: Limits,
        mut said: impl FnMut(Port, &[u8]) -> Result<()>,
    ) -> Result<Ending> {
        let started = Instant::now();
        let mut last_word = started;
        let mut silence = limits.first_word;
        let mut open = SERIAL_PORTS.len() + 1;
        let mut stopped = None;
        let mut room = [limits.most; SERIAL_PORTS.len() + 1];
        let over_at = started + limits.whole;
        while open > 0 {
            let until = over_at.min(last_word + silence);
            let event = match stopped {
                // QEMU is killed, but earlier output is still in the queue.
                Some(_) => self
                    .heard
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                // A guest that prints without pause never lets the wait below time out.
                None if Instant::now() >= over_at => Err(RecvTimeoutError::Timeout),
                None => {
                    let wait = until.saturating_duration_since(Instant::now());
                    self.heard.recv_timeout(wait)
                }
            };
            match event {
                Ok(Event::Said(port, bytes)) => {
                    last_word = Instant::now();
                    silence = limits.silence;
                    let room = &mut room[port as usize];
                    let taken = bytes.len().min(*room);
                    *room -= taken;
                    said(port, &bytes[..taken])?;
                    if taken < bytes.len() && stopped.is_none() {
                        stopped = Some(Ending::Flood(limits.most));
                        self.child.kill().context("cannot end QEMU")?;
                    }
                }
                Ok(Event::Closed) => open -= 1,
                Err(RecvTimeoutError::Timeout) => {
                    stopped = Some(if Instant::now() >= over_at {
                        Ending::OverTime(limits.whole)
                    } else {
                        Ending::Silent(silence)
                    });
                    self.child.kill().context("cannot end QEMU")?;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = self.child.wait().context("cannot wait for QEMU")?;
        Ok(stopped.unwrap_or(Ending::Exited(status)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ignores errors: QEMU may have ended already, or the caller reports another error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pump(mut from: impl Read, port: Port, events: &SyncSender<Event>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = buffer[..length].to_vec();
        if events.send(Event::Said(port, bytes)).is_err() {
            return;
        }
    }
    let _ = events.send(Event::Closed);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    /// A process that prints without end on the console, and a sender for more output.
    fn endless_talker() -> (Running, SyncSender<Event>) {
        let mut child = Command::new("yes")
            .stdout(Stdio::piped())
            .spawn()
            .expect("yes, of coreutils");
        let (events, heard) = sync_channel(UNHEARD);
        for _ in 0..SERIAL_PORTS.len() {
            events.send(Event::Closed).expect("heard");
        }
        let pipe = child.stdout.take().expect("a pipe");
        let more = events.clone();
        std::thread::spawn(move || pump(pipe, Port::Console, &events));
        let (input, _) = UnixStream::pair().expect("sockets");
        let running = Running {
            child,
            heard,
            input,
        };
        (running, more)
    }

    #[test]
    fn endless_talk_ends_with_the_time() {
        let whole = Duration::from_millis(50);
        let limits = Limits {
            most: usize::MAX,
            ..Limits::new(whole, LONG)
        };
        let (talker, more) = endless_talker();
        let ending = talker.listen(limits, |_, _| {
            // As fast as `listen` reads, so that no wait times out.
            let _ = more.try_send(Event::Said(Port::Console, b"y".to_vec()));
            Ok(())
        });
        assert_eq!(ending.expect("ended"), Ending::OverTime(whole));
    }

    #[test]
    fn so_much_is_taken_from_a_port_and_no_more() {
        let limits = Limits {
            most: 1_000_001,
            ..Limits::new(LONG, LONG)
        };
        let mut taken = 0;
        let (talker, _more) = endless_talker();
        let ending = talker.listen(limits, |port, bytes| {
            assert_eq!(port, Port::Console);
            taken += bytes.len();
            Ok(())
        });
        assert_eq!(ending.expect("ended"), Ending::Flood(limits.most));
        assert_eq!(taken, limits.most);
    }
}
