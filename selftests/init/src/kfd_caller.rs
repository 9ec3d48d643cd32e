// SPDX-License-Identifier: GPL-2.0

//! A helper process that opens `/dev/kfd` and counts what its ioctls cost: who has opened that
//! keeps the cards until it has exited, so PID 1 must not.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use anyhow::{ensure, Context, Result};
use kfd_uapi::{
    kfd_ioctl_alloc_memory_of_gpu_args, kfd_ioctl_get_version_args, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU,
    AMDKFD_IOC_GET_VERSION, KFD_IOC_ALLOC_MEM_FLAGS_COHERENT, KFD_IOC_ALLOC_MEM_FLAGS_VRAM,
};
use nix::errno::Errno;
use nix::libc::{c_ulong, ioctl};

use crate::count::Counter;

/// The first argument of that process.
pub const VERB: &str = "kfd-caller";

/// How often each is called.
const TIMES: usize = 1001;
/// The kinds of requests for memory.
const KINDS: usize = 3;
/// How often the process asks for memory in all.
pub const CALLS: u64 = (TIMES * KINDS) as u64;

/// No card has it.
const NO_CARD: u32 = 0xdead;
/// No virtual card has so much.
const SIZE: u64 = 4096;

/// The process itself.
pub fn run(args: &[String]) -> ExitCode {
    match count(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn count(args: &[String]) -> Result<()> {
    let [watcher, gpu_id] = args else {
        anyhow::bail!("expected a name and a gpu_id, seen {args:?}");
    };
    let gpu_id = gpu_id.parse().context("no gpu_id")?;
    let counter = Counter::new()?;
    let kfd = File::options()
        .read(true)
        .write(true)
        .open("/dev/kfd")
        .context("open /dev/kfd")?;
    let mut version = kfd_ioctl_get_version_args::default();
    let counts = counter.count(TIMES, || {
        let answer = call(&kfd, AMDKFD_IOC_GET_VERSION, &mut version);
        answer.context("ask for the version")
    })?;
    println!("{}", counts.line(&format!("request.{watcher}.version")));
    // KFD refuses each: the first at once, the second when it looks for the card, the third as the
    // process has no render node of it.
    let kinds: [_; KINDS] = [
        ("empty", gpu_id, 0),
        ("no-card", NO_CARD, SIZE),
        ("card", gpu_id, SIZE),
    ];
    for (name, gpu_id, size) in kinds {
        let mut refusal = None;
        let counts = counter.count(TIMES, || {
            let mut request = kfd_ioctl_alloc_memory_of_gpu_args {
                va_addr: 1 << 32,
                size,
                gpu_id,
                flags: KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_COHERENT,
                ..Default::default()
            };
            refusal = call(&kfd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &mut request).err();
            Ok(())
        })?;
        ensure!(refusal.is_some(), "KFD gave memory of a card that has none");
        let refusal = refusal.map_or(0, |errno| errno as i32);
        println!("request {name}: errno {refusal}");
        println!("{}", counts.line(&format!("request.{watcher}.{name}")));
    }
    Ok(())
}

fn call<T>(kfd: &File, request: u32, argument: &mut T) -> Result<(), Errno> {
    // SAFETY: `T` is the structure of this request, which the kernel reads and writes and keeps
    // no pointer to.
    let result = unsafe {
        ioctl(
            kfd.as_raw_fd(),
            c_ulong::from(request),
            std::ptr::from_mut(argument),
        )
    };
    Errno::result(result).map(drop)
}
