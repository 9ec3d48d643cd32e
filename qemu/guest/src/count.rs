// SPDX-License-Identifier: GPL-2.0

//! Counts instructions. The host runs the guest with QEMU's `-icount shift=0,sleep=off`: each
//! instruction takes a nanosecond of guest time, and the time stamp counter counts nanoseconds. So
//! a count depends only on the executed instructions, not on the host's load, and is reproducible.
//!
//! Guest time also passes while a CPU waits. So work that sleeps is counted by its CPU time.

use std::arch::asm;
use std::arch::x86_64::_rdtsc;
use std::fmt;
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use nix::sys::resource::{getrusage, UsageWho};
use nix::sys::time::TimeSpec;
use nix::time::{clock_gettime, ClockId};

/// The rounds of a calibration loop of two instructions.
const ROUNDS: u64 = 100_000;
/// The number of times that the calibration loop is counted.
const TRIALS: usize = 9;
/// The rounds of a calibration loop that is so long that other work on the CPU interrupts it.
const LONG: u64 = 5_000_000;
/// The CPU counts as idle after this many long loops in a row without interruption.
const QUIET: usize = 5;
/// The number of long loops after which waiting for an idle CPU fails.
const WAITS: usize = 1000;

/// The counts of the same work, done several times.
#[derive(Clone, Debug)]
pub struct Counts(Vec<u64>);

impl Counts {
    /// Takes these counts, at least one.
    pub fn new(mut counts: Vec<u64>) -> Result<Self> {
        ensure!(!counts.is_empty(), "nothing was counted");
        counts.sort_unstable();
        Ok(Self(counts))
    }

    /// The median.
    pub fn median(&self) -> u64 {
        self.0[self.0.len() / 2]
    }

    /// The line for the host: `measured name=… unit=…` and the figures.
    pub fn line(&self, name: &str) -> String {
        self.line_in(name, "instructions")
    }

    /// Like [`Self::line`], in another unit.
    pub fn line_in(&self, name: &str, unit: &str) -> String {
        let (least, most) = (self.0[0], self.0[self.0.len() - 1]);
        let (median, times) = (self.median(), self.0.len());
        format!(
            "measured name={name} unit={unit} median={median} least={least} most={most} \
             times={times}"
        )
    }
}

impl fmt::Display for Counts {
    /// All counts, in ascending order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blank = "";
        self.0.iter().try_for_each(|count| {
            write!(f, "{blank}{count}")?;
            blank = " ";
            Ok(())
        })
    }
}

/// The line for the host with a single value.
pub fn value_line(name: &str, unit: &str, value: u64) -> String {
    format!("measured name={name} unit={unit} median={value} least={value} most={value} times=1")
}

/// Counts instructions.
pub struct Counter {
    overhead: u64,
    overhead_of_time: u64,
}

impl Counter {
    /// Fails unless the guest counts instructions. Measures the overhead of counting.
    pub fn new() -> Result<Self> {
        let raw = Self {
            overhead: 0,
            overhead_of_time: 0,
        };
        let nothing = raw.count(TRIALS, || Ok(()))?;
        let asked = (0..TRIALS).map(|_| raw.of_this_thread(|| Ok(())));
        let asked = Counts::new(asked.collect::<Result<_>>()?)?;
        let counter = Self {
            overhead: nothing.median(),
            overhead_of_time: asked.median(),
        };
        counter.settle()?;
        let looped = counter.count(TRIALS, || {
            two_instructions(ROUNDS);
            Ok(())
        })?;
        let expected = 2 * ROUNDS;
        let seen = looped.median();
        ensure!(
            seen.abs_diff(expected) <= 16,
            "a loop of {expected} instructions was counted as {seen}: no guest that counts \
             instructions (machine.icount of its suite)"
        );
        Ok(counter)
    }

    /// Waits until the CPU is idle: after a boot the kernel still tests its ciphers.
    fn settle(&self) -> Result<()> {
        let mut quiet = 0;
        for _ in 0..WAITS {
            let looped = self.count(1, || {
                two_instructions(LONG);
                Ok(())
            })?;
            // The limit is 1 %: the timer's interrupts take 0.1 %.
            let alone = looped.median() < 2 * LONG + 2 * LONG / 100;
            quiet = if alone { quiet + 1 } else { 0 };
            if quiet == QUIET {
                return Ok(());
            }
            // Leave the CPU to the other work. With sleep=off this costs no host time.
            thread::sleep(Duration::from_millis(20));
        }
        bail!("something keeps the CPU busy: nothing can be counted beside it");
    }

    /// The instructions of counting itself. Each count excludes them.
    pub fn overhead(&self) -> u64 {
        self.overhead
    }

    /// Counts the instructions of `work` in kernel and user space, `times` times. `work` must not
    /// wait.
    pub fn count(&self, times: usize, mut work: impl FnMut() -> Result<()>) -> Result<Counts> {
        let mut counts = Vec::with_capacity(times);
        for _ in 0..times {
            let from = now();
            work()?;
            let to = now();
            counts.push((to - from).saturating_sub(self.overhead));
        }
        Counts::new(counts)
    }

    /// Counts the instructions that this thread executes in `work`, which may wait.
    pub fn of_this_thread(&self, work: impl FnOnce() -> Result<()>) -> Result<u64> {
        let from = cpu_time()?;
        work()?;
        let to = cpu_time()?;
        let count = u64::try_from(Duration::from(to - from).as_nanos())?;
        Ok(count.saturating_sub(self.overhead_of_time))
    }
}

fn cpu_time() -> Result<TimeSpec> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).context("ask for the CPU time")
}

/// Counts the instructions of all processes that `work` starts and waits for, to the microsecond.
pub fn of_children(work: impl FnOnce() -> Result<()>) -> Result<u64> {
    let time = || -> Result<u64> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("ask for the CPU time")?;
        let times = [usage.user_time(), usage.system_time()];
        let micros = times.map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
        Ok(u64::try_from(micros.iter().sum::<i64>())?)
    };
    let from = time()?;
    work()?;
    Ok((time()? - from) * 1000)
}

fn now() -> u64 {
    // SAFETY: every x86-64 CPU has the instruction, and Linux lets user space use it.
    unsafe { _rdtsc() }
}

fn two_instructions(rounds: u64) {
    // SAFETY: it changes the register that it declares, and the flags.
    unsafe {
        asm!("2:", "dec {0}", "jnz 2b", inout(reg) rounds => _, options(nomem, nostack));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends_are_told() {
        let counts = Counts::new(vec![30, 10, 20, 900, 20]).unwrap();
        assert_eq!(
            counts.line("a.b"),
            "measured name=a.b unit=instructions median=20 least=10 most=900 times=5"
        );
        assert!(Counts::new(Vec::new()).is_err());
    }

    #[test]
    fn what_is_done_is_done_so_often_and_errors_are_told() {
        let counter = Counter {
            overhead: 0,
            overhead_of_time: 0,
        };
        let mut done = 0;
        let counts = counter.count(7, || {
            done += 1;
            Ok(())
        });
        assert_eq!((counts.unwrap().0.len(), done), (7, 7));
        assert!(counter.count(3, || anyhow::bail!("no")).is_err());
    }
}
