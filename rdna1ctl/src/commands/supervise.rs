// SPDX-License-Identifier: GPL-2.0

//! Runs a program until it ends, or until its time is over.
//!
//! The program gets a process group of its own, so that everything it starts can be ended with it. It
//! gets the terminal, if there is one, as from a shell. One `poll` of a `signalfd` waits for its end,
//! its stop, our own signals and the time-out.

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

/// How often `meanwhile` is called: soon at first, as some commands end soon.
const FIRST: Duration = Duration::from_millis(50);
const EVERY: Duration = Duration::from_secs(1);

/// The end of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With that status.
    Exited(i32),
    /// By a signal.
    Killed(Signal),
    /// The time-out ended it.
    TimedOut {
        /// Whether it ignored SIGTERM, and SIGKILL was needed.
        killed: bool,
    },
    /// Even SIGKILL did not end it at the time-out: it waits in the kernel.
    Stuck(u32),
}

/// The reason why a program was not started.
#[derive(Debug)]
pub struct NotStarted(pub io::Error);

/// A program to run.
pub struct Start<'a> {
    /// The program and its arguments.
    pub words: &'a [OsString],
    /// Variables of its environment.
    pub settings: &'a [Setting],
    /// The longest time that it may run.
    pub timeout: Option<Duration>,
    /// Whether its output goes to our stderr, because our stdout has something else.
    pub to_stderr: bool,
    /// Called every second until the command ends, with the command's process id.
    pub meanwhile: Option<&'a mut dyn FnMut(u32)>,
}

/// Runs a program. The calling thread starts it, so that a tracer can follow.
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
    // Our parent may have ignored SIGCHLD. Then the kernel reports no end, and keeps no status.
    // SAFETY: No handler is installed, so none has to be async-signal-safe (signal-safety(7)).
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }
        .context("cannot ask to be told of the command's end")?;
    // Before the start: a signal in between would end us, and not the program.
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
/// Also returns the signals that were blocked before: the program starts with these.
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
        // Rounded up: a poll that ends too early would be repeated.
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

    /// Whether the program has ended. If it was stopped from the terminal, so are we.
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

    /// Sends a signal to the program and all that it started. If they have ended, there is no group.
    fn send(&self, signal: Signal) {
        let _ = killpg(self.child, signal);
    }
}

/// Stands for the terminal while the program has it.
struct Terminal;

impl Terminal {
    /// Gives the terminal to the program, if we have it.
    fn give(child: Pid) -> Option<Self> {
        let stdin = stdin();
        if tcgetpgrp(stdin) != Ok(getpgrp()) {
            return None;
        }
        tcsetpgrp(stdin, child).ok()?;
        // The program may have used the terminal too early, and have been stopped for that.
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
    // Stays open as long as the program runs.
    static STDIN: std::sync::OnceLock<io::Stdin> = std::sync::OnceLock::new();
    STDIN.get_or_init(io::stdin).as_fd()
}
