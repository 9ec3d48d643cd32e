// SPDX-License-Identifier: GPL-2.0

//! Test client for `/dev/kfd`: a child process that makes the ioctls its parent sends it by pipe.
//!
//! It is a separate process because a process that has opened `/dev/kfd` holds the cards until it
//! exits. KFD enters its ioctl handlers but can grant nothing: a virtual card has no memory.

mod helper;
mod ioctl;

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::count::Counts;

pub use helper::{run, VERB};

/// A KFD ioctl and the arguments that the tests vary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `AMDKFD_IOC_ALLOC_MEMORY_OF_GPU`.
    Alloc {
        /// KFD's id of the card; tests also pass ids that no card has.
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
        /// Pairs of `KFD_IOCTL_SVM_ATTR_*` and value.
        attributes: Vec<(u32, u32)>,
    },
    /// `AMDKFD_IOC_SET_MEMORY_POLICY`.
    Policy {
        /// KFD's id of the card.
        gpu_id: u32,
        /// `KFD_IOC_CACHE_POLICY_*`.
        default: u32,
        /// `KFD_IOC_CACHE_POLICY_*`.
        alternate: u32,
    },
    /// `AMDKFD_IOC_CREATE_QUEUE`.
    Queue {
        /// KFD's id of the card.
        gpu_id: u32,
        /// `KFD_IOC_QUEUE_TYPE_*`.
        kind: u32,
    },
    /// `AMDKFD_IOC_GET_VERSION`, which is not about memory.
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

/// How the child process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// The child exits because its input is closed.
    End,
    /// The child reads an unmapped address and gets SIGSEGV.
    Crash,
    /// The child keeps running until somebody else ends it.
    Hang,
}

fn spawn(command: &mut Command) -> Result<Child> {
    let command = command.arg(VERB).stdin(Stdio::piped());
    let child = command.stdout(Stdio::piped()).spawn();
    child.context("start a process that asks KFD")
}

/// The parent's end of the child process: commands go to `tell`, replies come from `hear`.
pub struct Asker {
    child: Child,
    tell: Option<ChildStdin>,
    hear: BufReader<Box<dyn Read + Send>>,
    rest: Option<Box<dyn Read + Send>>,
}

impl Asker {
    /// Starts the child and waits until it has opened `/dev/kfd`.
    pub fn start() -> Result<Self> {
        Self::start_by(&mut Command::new("/proc/self/exe"))
    }

    /// Like `start`, by a command that runs this program.
    pub fn start_by(command: &mut Command) -> Result<Self> {
        let mut child = spawn(command)?;
        let hear = child.stdout.take().context("it has no output")?;
        let rest = child.stderr.take().map(|rest| Box::new(rest) as _);
        Self::opened(child, Box::new(hear), rest)
    }

    /// Like `start_by`, but the child replies on stderr: the command itself uses stdout.
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

    /// The child's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Makes `times` requests from each of `threads` threads.
    pub fn ask(&mut self, request: &Request, times: u64, threads: u64) -> Result<()> {
        let said = self.told(&format!("ask {times} {threads} {request}"))?;
        let expected = format!("entered {}", times * threads);
        ensure!(
            said == expected,
            "{request}: expected {expected:?}, it said {said:?}"
        );
        Ok(())
    }

    /// Makes the request `times` times and counts the instructions of each.
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

    /// Starts `threads` threads that repeat the request until `end_storm`.
    pub fn begin_storm(&mut self, request: &Request, threads: u64) -> Result<()> {
        let said = self.told(&format!("storm {threads} {request}"))?;
        ensure!(said == "begun", "{request}: it said {said:?}");
        Ok(())
    }

    /// Ends the storm and returns the number of requests that it made.
    pub fn end_storm(&mut self) -> Result<u64> {
        let said = self.told("end")?;
        let count = said.strip_prefix("entered ");
        let count = count.with_context(|| format!("it said {said:?}"))?;
        count.parse().with_context(|| format!("it said {said:?}"))
    }

    /// Renames the child; its threads inherit the name.
    pub fn rename(&mut self, name: &str) -> Result<()> {
        let said = self.told(&format!("name {name}"))?;
        ensure!(said == "named", "{name}: it said {said:?}");
        Ok(())
    }

    /// Gives the child its own mount namespace, with an empty tmpfs on `folder`.
    pub fn unshare_mounts(&mut self, folder: &str) -> Result<()> {
        let said = self.told(&format!("part {folder}"))?;
        ensure!(said == "parted", "{folder}: it said {said:?}");
        Ok(())
    }

    /// Makes the child map a file until it exits.
    pub fn map(&mut self, file: &str) -> Result<()> {
        let said = self.told(&format!("map {file}"))?;
        ensure!(said == "mapped", "{file}: it said {said:?}");
        Ok(())
    }

    /// Closes the child's input and demands that it exits with success.
    pub fn end(mut self) -> Result<()> {
        self.tell = None;
        let status = self.child.wait().context("wait for it")?;
        ensure!(status.success(), "the process that asks KFD: {status}");
        Ok(())
    }

    /// Kills the child by SIGKILL, but not its own children.
    pub fn murder(mut self) -> Result<()> {
        self.child.kill().context("kill it")?;
        self.child.wait().context("wait for it")?;
        Ok(())
    }

    /// Ends the child as `last` says; returns its exit status and its other output, which must be a
    /// pipe.
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
        // After a failed case the child still runs and would keep the cards in use.
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
