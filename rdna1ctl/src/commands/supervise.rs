// SPDX-License-Identifier: GPL-2.0

//! Runs a program until it ends or times out.
//!
//! The program gets its own process group, so that everything it starts can be ended with it. It
//! gets the terminal, if there is one, as from a shell. One `poll` of a `signalfd` waits for its
//! end, its stop, our own signals and the time-out.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{killpg, raise, signal, SigHandler, SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{waitpid, WaitPidFlag, WaitStatus};
use nix::unistd::{getpgrp, tcgetpgrp, tcsetpgrp, Pid};

use crate::findings::variables::Setting;

/// The time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// The time after SIGKILL in which the kernel must end the program.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// The first and the longest interval between calls of `meanwhile`. Some commands end soon.
const FIRST: Duration = Duration::from_millis(50);
const EVERY: Duration = Duration::from_secs(1);

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It exited with this status.
    Exited(i32),
    /// A signal ended it.
    Killed(Signal),
    /// The time-out ended it.
    TimedOut {
        /// Whether it ignored SIGTERM and needed SIGKILL.
        killed: bool,
    },
    /// It waits in the kernel: even SIGKILL did not end it after the time-out.
    Stuck(u32),
}

/// The reason why a program was not started.
#[derive(Debug)]
pub struct NotStarted(pub io::Error);

/// A program to run.
pub struct Start<'a> {
    /// The program and its arguments.
    pub words: &'a [OsString],
    /// The variables to set or unset in its environment.
    pub settings: &'a [Setting],
    /// The longest time that it may run.
    pub timeout: Option<Duration>,
    /// Whether its output goes to our stderr, because our stdout carries something else.
    pub to_stderr: bool,
    /// Called with the command's process id, at least every second until the command ends.
    pub meanwhile: Option<&'a mut dyn FnMut(u32)>,
}

/// Runs a program. The calling thread starts it, so that a tracer can follow its children.
pub fn supervise(start: Start<'_>) -> Result<Result<End, NotStarted>> {
    let (program, arguments) = start.words.split_first().context("no command")?;
    let mut command = Command::new(program);
    command.args(arguments).process_group(0);
    if start.to_stderr {
        let stderr = io::stderr().as_fd().try_clone_to_owned();
        command.stdout(stderr.context("cannot duplicate stderr")?);
    }
    for setting in start.settings {
        match &setting.value {
            Some(value) => command.env(&setting.variable, value),
            None => command.env_remove(&setting.variable),
        };
    }
    // Our parent may have ignored SIGCHLD. The kernel then reports no end, and keeps no status.
    // SAFETY: No handler is installed, so none has to be async-signal-safe (signal-safety(7)).
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }
        .context("cannot ask to be told of the command's end")?;
    // Hold signals back before the start: a signal in between would end us, but not the program.
    let (told, before) = hold_signals()?;
    // SAFETY: Between fork and exec nothing is done but one call of pthread_sigmask(3), which is
    // async-signal-safe (signal-safety(7)); `before` is a value of its own and allocates nothing.
    unsafe { command.pre_exec(move || Ok(before.thread_set_mask()?)) };
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ok(Err(NotStarted(error))),
    };
    let child = Pid::from_raw(i32::try_from(child.id()).context("an odd process id")?);
    let terminal = Terminal::give(child);
    let end = Program {
        child,
        told,
        terminal,
        meanwhile: start.meanwhile,
        every: FIRST,
    }
    .wait(start.timeout);
    end.map(Ok)
}

/// Blocks the signals to wait for, and SIGTTOU, which would stop us when we take the terminal back.
/// Also returns the previously blocked signals, with which the program starts.
fn hold_signals() -> Result<(SignalFd, SigSet)> {
    let mut signals = SigSet::empty();
    for signal in [
        Signal::SIGCHLD,
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGTTOU,
    ] {
        signals.add(signal);
    }
    let before = SigSet::thread_get_mask().context("cannot ask for the signals held back")?;
    signals.thread_block().context("cannot hold signals back")?;
    let told = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        .context("cannot wait for signals")?;
    Ok((told, before))
}

struct Program<'a> {
    child: Pid,
    told: SignalFd,
    terminal: Option<Terminal>,
    meanwhile: Option<&'a mut dyn FnMut(u32)>,
    every: Duration,
}

/// The steps taken to end the program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Not,
    Terminated,
    Killed,
}

impl Program<'_> {
    fn wait(mut self, timeout: Option<Duration>) -> Result<End> {
        let mut deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut ending = Ending::Not;
        loop {
            if let Some(end) = self.look()? {
                if ending == Ending::Not {
                    return Ok(end);
                }
                // End the programs that it started, too.
                self.send(Signal::SIGKILL);
                return Ok(End::TimedOut {
                    killed: ending == Ending::Killed,
                });
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let (signal, next, time) = match ending {
                    Ending::Not => (Signal::SIGTERM, Ending::Terminated, GRACE),
                    Ending::Terminated => (Signal::SIGKILL, Ending::Killed, AFTER_KILL),
                    Ending::Killed => return Ok(End::Stuck(self.child.as_raw().unsigned_abs())),
                };
                self.send(signal);
                // A stopped program reacts only to SIGKILL.
                self.send(Signal::SIGCONT);
                ending = next;
                deadline = Instant::now().checked_add(time);
            }
            self.pause(deadline)?;
            if let Some(meanwhile) = &mut self.meanwhile {
                meanwhile(self.child.as_raw().unsigned_abs());
                self.every = self.every.saturating_mul(2).min(EVERY);
            }
        }
    }

    /// Waits for a signal or the deadline, and passes signals on to the program.
    fn pause(&self, deadline: Option<Instant>) -> Result<()> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = match self.meanwhile {
            Some(_) => Some(left.unwrap_or(self.every).min(self.every)),
            None => left,
        };
        // Round up, because a poll that ends too early would be repeated.
        let left = left.map(|left| left.saturating_add(Duration::from_millis(1)));
        let left = match left {
            None => PollTimeout::NONE,
            Some(left) => PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
        };
        let mut waited = [PollFd::new(self.told.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited, left) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("cannot wait for the command"),
        }
        while let Ok(Some(signal)) = self.told.read_signal() {
            let signal = i32::try_from(signal.ssi_signo).ok();
            let signal = signal.and_then(|signal| Signal::try_from(signal).ok());
            match signal {
                Some(Signal::SIGCHLD | Signal::SIGTTOU) | None => {}
                Some(signal) => self.send(signal),
            }
        }
        Ok(())
    }

    /// How the program ended, if it has. If the terminal stopped the program, we stop, too.
    fn look(&mut self) -> Result<Option<End>> {
        let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED;
        match waitpid(self.child, Some(flags)).context("cannot ask how the command is")? {
            WaitStatus::Exited(_, status) => Ok(Some(End::Exited(status))),
            WaitStatus::Signaled(_, signal, _) => Ok(Some(End::Killed(signal))),
            WaitStatus::Stopped(..) if self.terminal.is_some() => {
                self.terminal = None;
                raise(Signal::SIGSTOP).context("cannot stop with the command")?;
                self.terminal = Terminal::give(self.child);
                self.send(Signal::SIGCONT);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Sends a signal to the program and all that it started. Fails silently if they have ended.
    fn send(&self, signal: Signal) {
        let _ = killpg(self.child, signal);
    }
}

/// The terminal while the program has it. Dropping this takes it back.
struct Terminal;

impl Terminal {
    /// Gives the terminal to the program, if we have it.
    fn give(child: Pid) -> Option<Self> {
        let stdin = stdin();
        if tcgetpgrp(stdin) != Ok(getpgrp()) {
            return None;
        }
        tcsetpgrp(stdin, child).ok()?;
        // The program may have used the terminal too early, and was stopped for that.
        let _ = killpg(child, Signal::SIGCONT);
        Some(Self)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = tcsetpgrp(stdin(), getpgrp());
    }
}

fn stdin() -> BorrowedFd<'static> {
    // A static, so that stdin stays open as long as rdna1ctl runs.
    static STDIN: std::sync::OnceLock<io::Stdin> = std::sync::OnceLock::new();
    STDIN.get_or_init(io::stdin).as_fd()
}
