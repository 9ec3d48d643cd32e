// SPDX-License-Identifier: GPL-2.0

//! A process that opens `/dev/kfd` and asks for what it is told to ask for, as often as it is told.
//!
//! A process of its own: whoever has opened `/dev/kfd` keeps the cards until it has exited. Nothing
//! that it asks for can be granted, as a virtual card has no memory; KFD's handlers are entered.

mod helper;
mod ioctl;

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::count::Counts;

pub use helper::{run, VERB};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `AMDKFD_IOC_ALLOC_MEMORY_OF_GPU`.
    Alloc {
        /// KFD's id of the card, or any number.
        gpu_id: u32,
        /// `KFD_IOC_ALLOC_MEM_FLAGS_*`.
        flags: u32,
        /// In bytes.
        size: u64,
    },
    /// `AMDKFD_IOC_SVM`.
    Svm {
        /// `KFD_IOCTL_SVM_OP_*`.
        op: u32,
        /// In bytes.
        size: u64,
        /// Types and values.
        attributes: Vec<(u32, u32)>,
    },
    /// `AMDKFD_IOC_SET_MEMORY_POLICY`.
    Policy {
        /// As above.
        gpu_id: u32,
        /// `KFD_IOC_CACHE_POLICY_*`.
        default: u32,
        /// As above.
        alternate: u32,
    },
    /// `AMDKFD_IOC_CREATE_QUEUE`.
    Queue {
        /// As above.
        gpu_id: u32,
        /// `KFD_IOC_QUEUE_TYPE_*`.
        kind: u32,
    },
    /// `AMDKFD_IOC_GET_VERSION`, which tells nothing of memory.
    Version,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alloc {
                gpu_id,
                flags,
                size,
            } => write!(f, "alloc {gpu_id} {flags} {size}"),
            Self::Svm {
                op,
                size,
                attributes,
            } => {
                write!(f, "svm {op} {size}")?;
                attributes
                    .iter()
                    .try_for_each(|(kind, value)| write!(f, " {kind} {value}"))
            }
            Self::Policy {
                gpu_id,
                default,
                alternate,
            } => write!(f, "policy {gpu_id} {default} {alternate}"),
            Self::Queue { gpu_id, kind } => write!(f, "queue {gpu_id} {kind}"),
            Self::Version => f.write_str("version"),
        }
    }
}

impl Request {
    fn parse(words: &[&str]) -> Result<Self> {
        fn number<T: std::str::FromStr>(word: &str) -> Result<T> {
            word.parse()
                .ok()
                .with_context(|| format!("{word:?} is no such number"))
        }
        Ok(match words {
            ["alloc", gpu_id, flags, size] => Self::Alloc {
                gpu_id: number(gpu_id)?,
                flags: number(flags)?,
                size: number(size)?,
            },
            ["svm", op, size, attributes @ ..] => Self::Svm {
                op: number(op)?,
                size: number(size)?,
                attributes: attributes
                    .chunks(2)
                    .map(|pair| match pair {
                        [kind, value] => Ok((number(kind)?, number(value)?)),
                        _ => bail!("an attribute without a value"),
                    })
                    .collect::<Result<_>>()?,
            },
            ["policy", gpu_id, default, alternate] => Self::Policy {
                gpu_id: number(gpu_id)?,
                default: number(default)?,
                alternate: number(alternate)?,
            },
            ["queue", gpu_id, kind] => Self::Queue {
                gpu_id: number(gpu_id)?,
                kind: number(kind)?,
            },
            ["version"] => Self::Version,
            _ => bail!("no such request: {words:?}"),
        })
    }
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// By itself.
    End,
    /// By a read where nothing is.
    Crash,
    /// Not by itself.
    Hang,
}

fn spawn(command: &mut Command) -> Result<Child> {
    let command = command.arg(VERB).stdin(Stdio::piped());
    let child = command.stdout(Stdio::piped()).spawn();
    child.context("start a process that asks KFD")
}

/// The process.
pub struct Asker {
    child: Child,
    tell: Option<ChildStdin>,
    hear: BufReader<Box<dyn Read + Send>>,
    rest: Option<Box<dyn Read + Send>>,
}

impl Asker {
    /// Starts it. It has opened `/dev/kfd` when this returns.
    pub fn start() -> Result<Self> {
        Self::start_by(&mut Command::new("/proc/self/exe"))
    }

    /// The same with a command that runs this program.
    pub fn start_by(command: &mut Command) -> Result<Self> {
        let mut child = spawn(command)?;
        let hear = child.stdout.take().context("it has no output")?;
        let rest = child.stderr.take().map(|rest| Box::new(rest) as _);
        Self::opened(child, Box::new(hear), rest)
    }

    /// The same with a command that has something else on its output.
    pub fn start_heard_by_stderr(command: &mut Command) -> Result<Self> {
        let mut child = spawn(command.stderr(Stdio::piped()))?;
        let hear = child.stderr.take().context("it has no error output")?;
        let rest = child.stdout.take().map(|rest| Box::new(rest) as _);
        Self::opened(child, Box::new(hear), rest)
    }

    fn opened(
        mut child: Child,
        hear: Box<dyn Read + Send>,
        rest: Option<Box<dyn Read + Send>>,
    ) -> Result<Self> {
        let tell = child.stdin.take();
        let mut asker = Self {
            child,
            tell,
            hear: BufReader::new(hear),
            rest,
        };
        let said = asker.heard()?;
        ensure!(
            said == "open",
            "expected it to open /dev/kfd, it said: {said}"
        );
        Ok(asker)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has each of so many threads ask so many times.
    pub fn ask(&mut self, request: &Request, times: u64, threads: u64) -> Result<()> {
        let said = self.told(&format!("ask {times} {threads} {request}"))?;
        let expected = format!("entered {}", times * threads);
        ensure!(
            said == expected,
            "{request}: expected {expected:?}, it said {said:?}"
        );
        Ok(())
    }

    /// Has it ask so many times, and count what each time takes.
    pub fn count(&mut self, request: &Request, times: u64) -> Result<Counts> {
        let said = self.told(&format!("count {times} {request}"))?;
        let counts = said.strip_prefix("counted ");
        let counts = counts.with_context(|| format!("{request}: it said {said:?}"))?;
        let counts: Vec<u64> = counts
            .split(' ')
            .map(|count| count.parse().with_context(|| format!("no count: {count}")))
            .collect::<Result<_>>()?;
        ensure!(
            counts.len() as u64 == times,
            "{request}: expected {times} counts, seen {}",
            counts.len()
        );
        Counts::new(counts)
    }

    /// Has threads of it ask over and over.
    pub fn begin_storm(&mut self, request: &Request, threads: u64) -> Result<()> {
        let said = self.told(&format!("storm {threads} {request}"))?;
        ensure!(said == "begun", "{request}: it said {said:?}");
        Ok(())
    }

    /// Ends that, and gives how often they asked.
    pub fn end_storm(&mut self) -> Result<u64> {
        let said = self.told("end")?;
        let count = said.strip_prefix("entered ");
        let count = count.with_context(|| format!("it said {said:?}"))?;
        count.parse().with_context(|| format!("it said {said:?}"))
    }

    /// Gives it another name, which its threads take over.
    pub fn rename(&mut self, name: &str) -> Result<()> {
        let said = self.told(&format!("name {name}"))?;
        ensure!(said == "named", "{name}: it said {said:?}");
        Ok(())
    }

    /// Gives it a mount namespace of its own, with an empty file system in that folder.
    pub fn part_mounts(&mut self, folder: &str) -> Result<()> {
        let said = self.told(&format!("part {folder}"))?;
        ensure!(said == "parted", "{folder}: it said {said:?}");
        Ok(())
    }

    /// Has it map a file, until it ends.
    pub fn map(&mut self, file: &str) -> Result<()> {
        let said = self.told(&format!("map {file}"))?;
        ensure!(said == "mapped", "{file}: it said {said:?}");
        Ok(())
    }

    /// Ends it.
    pub fn end(mut self) -> Result<()> {
        self.tell = None;
        let status = self.child.wait().context("wait for it")?;
        ensure!(status.success(), "the process that asks KFD: {status}");
        Ok(())
    }

    /// Ends it by SIGKILL, not what it has started.
    pub fn murder(mut self) -> Result<()> {
        self.child.kill().context("kill it")?;
        self.child.wait().context("wait for it")?;
        Ok(())
    }

    /// Lets it end like that, and gives how it ended, and what came on its other output, which has to
    /// be a pipe.
    pub fn output(mut self, last: Last) -> Result<(ExitStatus, String)> {
        match (last, &mut self.tell) {
            (Last::End, tell) => *tell = None,
            (Last::Crash, Some(tell)) => writeln!(tell, "crash").context("tell it")?,
            (Last::Crash | Last::Hang, _) => {}
        }
        let rest = self.rest.as_mut().context("its other output is no pipe")?;
        let mut said = String::new();
        rest.read_to_string(&mut said).context("hear from it")?;
        let status = self.child.wait().context("wait for it")?;
        Ok((status, said))
    }

    fn told(&mut self, line: &str) -> Result<String> {
        let tell = self.tell.as_mut().context("it has no input")?;
        writeln!(tell, "{line}").context("tell it")?;
        self.heard()
    }

    fn heard(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.hear.read_line(&mut line).context("hear from it")?;
        ensure!(read > 0, "the process that asks KFD has ended");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        // One that was ended is gone already; one that a failure has left must not keep the cards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for request in [
            Request::Alloc {
                gpu_id: 1,
                flags: 2,
                size: 3,
            },
            Request::Svm {
                op: 0,
                size: 1,
                attributes: vec![(2, 3), (4, 5)],
            },
            Request::Svm {
                op: 1,
                size: 0,
                attributes: vec![],
            },
            Request::Policy {
                gpu_id: 1,
                default: 2,
                alternate: 3,
            },
            Request::Queue {
                gpu_id: u32::MAX,
                kind: 1,
            },
            Request::Version,
        ] {
            let said = request.to_string();
            let words: Vec<&str> = said.split(' ').collect();
            assert_eq!(Request::parse(&words).unwrap(), request);
        }
        assert!(Request::parse(&["alloc", "1", "2"]).is_err());
        assert!(Request::parse(&["svm", "1", "2", "3"]).is_err());
    }
}
