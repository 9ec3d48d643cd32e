// SPDX-License-Identifier: GPL-2.0

//! The process itself.

use std::fs::{File, OpenOptions};
use std::io::{stdin, BufRead, Stdin, Write};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{bail, ensure, Context, Result};
use kfd_uapi as uapi;
use nix::errno::Errno;
use nix::libc;

use super::Request;

/// The first argument of the process.
pub const VERB: &str = "ask";

/// Does what the lines of the input say, to their end.
pub fn run() -> ExitCode {
    match follow() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn follow() -> Result<()> {
    let kfd = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kfd")
        .context("open /dev/kfd")?;
    say("open")?;
    while let Some(line) = next_line(&stdin())? {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["ask", times, threads, request @ ..] => {
                let request = Ioctl::new(&Request::parse(request)?);
                let times: u64 = times.parse()?;
                let entered = in_threads(threads.parse()?, || {
                    (0..times).try_for_each(|_| request.clone().call(&kfd))?;
                    Ok(times)
                })?;
                say(&format!("entered {entered}"))?;
            }
            ["name", ..] => {
                let name = line.trim_start_matches("name ");
                std::fs::write("/proc/thread-self/comm", name).context("take a name")?;
                say("named")?;
            }
            ["storm", threads, request @ ..] => {
                let request = Ioctl::new(&Request::parse(request)?);
                storm(&kfd, threads.parse()?, &request)?;
            }
            _ => bail!("no such line: {line}"),
        }
    }
    Ok(())
}

/// Asks until the next line comes.
fn storm(kfd: &File, threads: usize, request: &Ioctl) -> Result<()> {
    let ended = AtomicBool::new(false);
    let entered = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            in_threads(threads, || {
                let mut entered = 0;
                while !ended.load(Ordering::Relaxed) {
                    request.clone().call(kfd)?;
                    entered += 1;
                }
                Ok(entered)
            })
        });
        let told = say("begun").and_then(|()| next_line(&stdin()));
        ended.store(true, Ordering::Relaxed);
        let entered = asking.join().unwrap_or_else(|_| bail!("panicked"));
        ensure!(told?.as_deref() == Some("end"), "a storm has to be ended");
        entered
    })?;
    say(&format!("entered {entered}"))
}

fn in_threads(threads: usize, ask: impl Fn() -> Result<u64> + Sync) -> Result<u64> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&ask)).collect();
        let counts = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")));
        counts.sum()
    })
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn next_line(input: &Stdin) -> Result<Option<String>> {
    let mut line = String::new();
    let read = input.lock().read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim_end().to_owned()))
}

/// An ioctl with its arguments in memory.
#[derive(Clone)]
struct Ioctl {
    number: u32,
    arguments: Vec<u64>,
}

impl Ioctl {
    fn new(request: &Request) -> Self {
        match request {
            Request::Alloc {
                gpu_id,
                flags,
                size,
            } => Self::of(
                uapi::AMDKFD_IOC_ALLOC_MEMORY_OF_GPU,
                uapi::kfd_ioctl_alloc_memory_of_gpu_args {
                    va_addr: 0x7000_0000_0000,
                    size: *size,
                    gpu_id: *gpu_id,
                    flags: *flags,
                    ..Default::default()
                },
                &[],
            ),
            Request::Svm {
                op,
                size,
                attributes,
            } => Self::of(
                uapi::AMDKFD_IOC_SVM,
                uapi::kfd_ioctl_svm_args {
                    // Not at the begin of a page: KFD looks no further.
                    start_addr: 0x7000_0000_0001,
                    size: *size,
                    op: *op,
                    nattr: attributes.len().try_into().unwrap_or(u32::MAX),
                    ..Default::default()
                },
                attributes,
            ),
            Request::Policy {
                gpu_id,
                default,
                alternate,
            } => Self::of(
                uapi::AMDKFD_IOC_SET_MEMORY_POLICY,
                uapi::kfd_ioctl_set_memory_policy_args {
                    gpu_id: *gpu_id,
                    default_policy: *default,
                    alternate_policy: *alternate,
                    ..Default::default()
                },
                &[],
            ),
            Request::Queue { gpu_id, kind } => Self::of(
                uapi::AMDKFD_IOC_CREATE_QUEUE,
                uapi::kfd_ioctl_create_queue_args {
                    gpu_id: *gpu_id,
                    queue_type: *kind,
                    ..Default::default()
                },
                &[],
            ),
        }
    }

    /// The ioctl of a struct of KFD's, with attributes behind it, whose size is in the number.
    fn of<T>(number: u32, arguments: T, attributes: &[(u32, u32)]) -> Self {
        const SIZE_SHIFT: u32 = 16;
        let words = size_of::<T>() / 8;
        let mut memory = vec![0; words];
        // SAFETY: There is as much memory as the struct takes; its words may hold anything.
        unsafe {
            std::ptr::copy_nonoverlapping(
                (&raw const arguments).cast(),
                memory.as_mut_ptr(),
                words,
            );
        }
        memory.extend(
            attributes
                .iter()
                .map(|(kind, value)| u64::from(*kind) | u64::from(*value) << 32),
        );
        let more = u32::try_from(attributes.len() * 8).unwrap_or(0);
        Self {
            number: number + (more << SIZE_SHIFT),
            arguments: memory,
        }
    }

    /// Calls it. Whatever KFD answers, its handler has to have been entered.
    fn call(mut self, kfd: &File) -> Result<()> {
        // SAFETY: The arguments are as large as the number says.
        let result = unsafe {
            libc::ioctl(
                kfd.as_raw_fd(),
                self.number.into(),
                self.arguments.as_mut_ptr(),
            )
        };
        match Errno::result(result) {
            Err(errno @ (Errno::EBADF | Errno::ENOTTY | Errno::EFAULT | Errno::ENOMEM)) => {
                bail!("ioctl {:#x}: {errno}", self.number)
            }
            _ => Ok(()),
        }
    }
}
