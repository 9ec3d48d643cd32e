// SPDX-License-Identifier: GPL-2.0

//! The child process of the `/dev/kfd` test client: opens KFD and follows commands from stdin.

use std::fs::{File, OpenOptions};
use std::io::{stdin, BufRead, Stdin, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{bail, ensure, Context, Error, Result};
use modproof_guest::count::Counter;
use modproof_guest::mounts;
use nix::sched::{unshare, CloneFlags};
use nix::sys::mman::{mmap, MapFlags, ProtFlags};

use super::ioctl::Ioctl;
use super::Request;

/// The first argument that makes this program run as the child process.
pub const VERB: &str = "ask";

/// Follows the commands on stdin until it is closed.
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
                    let mut memory = Vec::new();
                    (0..times).try_for_each(|_| request.call(&kfd, &mut memory))?;
                    Ok(times)
                })?;
                say(&format!("entered {entered}"))?;
            }
            ["count", times, request @ ..] => {
                let request = Ioctl::new(&Request::parse(request)?);
                let mut memory = Vec::new();
                let counts =
                    Counter::new()?.count(times.parse()?, || request.call(&kfd, &mut memory))?;
                say(&format!("counted {counts}"))?;
            }
            ["name", ..] => {
                let name = line.trim_start_matches("name ");
                std::fs::write("/proc/thread-self/comm", name).context("take a name")?;
                say("named")?;
            }
            ["part", folder] => {
                unshare(CloneFlags::CLONE_NEWNS).context("take a mount namespace")?;
                mounts::mount_at("tmpfs", folder, "").map_err(Error::msg)?;
                say("parted")?;
            }
            ["map", file] => {
                map(file).with_context(|| format!("map {file}"))?;
                say("mapped")?;
            }
            ["crash"] => crash(),
            ["storm", threads, request @ ..] => {
                let request = Ioctl::new(&Request::parse(request)?);
                storm(&kfd, threads.parse()?, &request)?;
            }
            _ => bail!("no such line: {line}"),
        }
    }
    Ok(())
}

/// Maps a file as the dynamic linker maps a library, and leaves it mapped.
fn map(file: &str) -> Result<()> {
    let file = File::open(file)?;
    let length = usize::try_from(file.metadata()?.len())?;
    let length = NonZeroUsize::new(length).context("it is empty")?;
    // SAFETY: The kernel chooses the place, and nothing reads from it.
    unsafe {
        mmap(
            None,
            length,
            ProtFlags::PROT_READ,
            MapFlags::MAP_PRIVATE,
            &file,
            0,
        )
    }?;
    Ok(())
}

/// Reads an unmapped address, as after mistaking coarse-grained memory for fine-grained.
fn crash() {
    // SAFETY: The read touches no memory of this program. The kernel maps the first page for no
    // process (vm.mmap_min_addr), so the read ends this process by SIGSEGV.
    unsafe { std::arch::asm!("mov {0:e}, dword ptr [{0}]", inout(reg) 8_u64 => _) };
}

/// Repeats the request in all threads until the next command, which must be `end`.
fn storm(kfd: &File, threads: usize, request: &Ioctl) -> Result<()> {
    let ended = AtomicBool::new(false);
    let entered = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            in_threads(threads, || {
                let (mut entered, mut memory) = (0, Vec::new());
                while !ended.load(Ordering::Relaxed) {
                    request.call(kfd, &mut memory)?;
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
