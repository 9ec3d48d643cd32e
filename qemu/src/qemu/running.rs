// SPDX-License-Identifier: GPL-2.0

//! A QEMU that runs: its ports are heard, and a watchdog ends it if it hangs.

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

/// The guest's serial ports, in their order.
const SERIAL_PORTS: [Port; 3] = [Port::Console, Port::Ktap, Port::Output];

/// How many pieces wait to be heard: who talks faster has to wait, too.
const UNHEARD: usize = 256;

/// The first file descriptor that QEMU gets from us.
const FIRST_FD: i32 = 3;

/// A socket that QEMU gets beside the serial ports.
pub struct Extra {
    /// The name of its chardev.
    pub name: &'static str,
    /// QEMU's words for what speaks there.
    pub device: [String; 2],
    /// QEMU's end of it.
    pub socket: UnixStream,
}

enum Event {
    Said(Port, Vec<u8>),
    Closed,
}

/// A QEMU that runs. It is killed when this is dropped.
pub struct Running {
    child: Child,
    heard: Receiver<Event>,
    input: UnixStream,
}

impl Running {
    /// Starts QEMU with the guest's serial ports, and what else it is to have.
    pub fn start(accelerator: &[&str], words: Vec<OsString>, extras: Vec<Extra>) -> Result<Self> {
        let mut command = run::dying_with_us(PROGRAM);
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
        // Not in our group: on Ctrl-C it is for us to end it, so that it does
        // not look as if it had ended by itself.
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start setpriv (Debian: util-linux)")?;
        // With it go our copies of QEMU's ends: when QEMU ends, the ports close.
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

    /// The way into the port that is heard as [`Port::Output`].
    pub fn input(&self) -> Result<UnixStream> {
        Ok(self.input.try_clone()?)
    }

    /// Ends it, and gives what QEMU itself complained of.
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

    /// Hears what is said until the end. An error of `said` ends it, too.
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
                // It was killed: what it said before is still to be read.
                Some(_) => self
                    .heard
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                // Who talks without end gives no wait the time to end.
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
        // Either it has ended already, and there is nothing to do; or an error
        // is on its way up, and this one would not add to it.
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

    /// It talks on the console, and never ends. More can be said beside it.
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
            // As fast as it is heard, so that no wait is in vain.
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
