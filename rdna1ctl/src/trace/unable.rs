// SPDX-License-Identifier: GPL-2.0

//! Why requests cannot be traced, and what to do about it.

use std::fmt;
use std::fs;
use std::os::linux::fs::MetadataExt as _;
use std::path::Path;

use anyhow::Error;
use nix::errno::Errno;

use crate::root::Root;
use crate::sources::is_root;
use crate::sources::kernel::Kernel;

use super::Wanted;

/// The inode of the initial pid namespace: the kernel's PROC_PID_INIT_INO.
const INITIAL_NAMESPACE: u64 = 0xefff_fffc;

/// Requests cannot be traced.
#[derive(Debug)]
pub struct Unable(String);

impl fmt::Display for Unable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Requests cannot be traced: {}", self.0)
    }
}

impl std::error::Error for Unable {}

/// Checks for causes that are known without an attempt.
pub(super) fn check(root: &Root, wanted: Wanted, has_driver: bool) -> Result<(), Unable> {
    if !cfg!(target_arch = "x86_64") {
        return unable("rdna1ctl knows only how x86-64 passes arguments to a function.");
    }
    if !has_driver {
        return unable(
            "amdgpu is not loaded, so there is nothing to trace yet. Load it (sudo modprobe amdgpu), \
             and start again.",
        );
    }
    if root.folder() != Path::new("/") {
        return unable("only the running system can be traced.");
    }
    if let Wanted::Process(process) = wanted {
        if !root.has(format!("/proc/{process}")) {
            return unable(&format!("there is no process {process}."));
        }
        let namespace = fs::metadata("/proc/self/ns/pid").map(|space| space.st_ino());
        if namespace.is_ok_and(|inode| inode != INITIAL_NAMESPACE) {
            return unable(
                "--pid takes the number that the host gives a process, and this is a container with \
                 numbers of its own. Run rdna1ctl on the host, or trace a command of its own.",
            );
        }
    }
    Ok(())
}

fn unable(why: &str) -> Result<(), Unable> {
    Err(Unable(why.to_owned()))
}

/// Explains an error of an attempt.
pub(super) fn explain(root: &Root, error: &Error) -> Unable {
    let lockdown = Kernel::read(root).lockdown;
    let why = if lockdown.as_deref() == Some("confidentiality") {
        "the kernel is locked down (confidentiality), and lets no BPF program read its memory. Boot \
         without lockdown=confidentiality."
            .to_owned()
    } else {
        match errno(error) {
            Some(Errno::EPERM | Errno::EACCES) if !is_root(root) => {
                "it needs root, or the capabilities CAP_BPF and CAP_PERFMON. Run rdna1ctl with sudo."
                    .to_owned()
            }
            Some(Errno::EPERM | Errno::EACCES) => format!(
                "the kernel does not permit it, although this is root: {error:#}. In a container, it \
                 needs CAP_BPF and CAP_PERFMON."
            ),
            Some(Errno::ENOSYS) => {
                "this kernel has no BPF (CONFIG_BPF_SYSCALL).".to_owned()
            }
            _ if !root.has("/sys/bus/event_source/devices/kprobe") => {
                "this kernel has no kprobes for perf (CONFIG_KPROBE_EVENTS, CONFIG_PERF_EVENTS), or \
                 /sys is not mounted."
                    .to_owned()
            }
            Some(Errno::ENOENT) => format!(
                "this amdgpu has none of the functions that handle requests; was it built without \
                 KFD (CONFIG_HSA_AMD)? {error:#}."
            ),
            _ => format!("{error:#}."),
        }
    };
    Unable(why)
}

/// The error of the system call that failed.
pub(super) fn errno(error: &Error) -> Option<Errno> {
    let mut causes = error.chain();
    let code = causes.find_map(|cause| cause.downcast_ref::<std::io::Error>()?.raw_os_error())?;
    Some(Errno::from_raw(code))
}
