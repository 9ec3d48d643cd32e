// SPDX-License-Identifier: GPL-2.0

//! Attaches the BPF programs to KFD's functions, and detaches them.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};

use anyhow::{bail, Context, Result};
use aya::maps::Array;
use aya::programs::kprobe::KProbeLinkId;
use aya::programs::{KProbe, TracePoint};
use aya::Ebpf;

use crate::root::Root;

use super::layout::KINDS;
use super::unable::errno;

/// KFD's handlers, in the order of [`KINDS`].
pub(super) const FUNCTIONS: [&str; KINDS.len()] = [
    "kfd_ioctl_alloc_memory_of_gpu",
    "kfd_ioctl_svm",
    "kfd_ioctl_set_memory_policy",
    "kfd_ioctl_create_queue",
];

/// KFD calls this function for each read of `generation_id`.
const CHECKED: &str = "sysprops_show";
/// KFD calls this function before its SVM handler, to check the number of attributes.
const SVM_CHECK: &str = "kfd_ioctl_svm_validate";

/// The usual mount points of tracefs.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The probes that are attached to amdgpu.
#[derive(Debug)]
pub(super) struct Attached {
    links: Vec<(&'static str, KProbeLinkId)>,
    /// For each kind of request: why it is not traced; `None` if it is.
    pub(super) unavailable: Vec<Option<String>>,
    /// Whether the function of the self-check has a probe.
    pub(super) has_check: bool,
    /// Whether KFD checks the number of SVM attributes.
    pub(super) svm_is_checked: bool,
}

impl Attached {
    /// Attaches everything. Fails if none of KFD's handlers can be traced.
    pub(super) fn new(bpf: &mut Ebpf, is_module: bool) -> Result<Self> {
        let full = |function: &str| match is_module {
            true => format!("amdgpu:{function}"),
            false => function.to_owned(),
        };
        let mut attached = Self {
            links: Vec::new(),
            unavailable: Vec::new(),
            has_check: false,
            svm_is_checked: false,
        };
        if let Ok(link) = program(bpf, "is_there")?.attach(full(SVM_CHECK), 0) {
            program(bpf, "is_there")?.detach(link)?;
            attached.svm_is_checked = true;
        }
        let is_checked = bpf.map_mut(".data").context("no settings")?;
        let mut is_checked: Array<_, u32> = Array::try_from(is_checked)?;
        is_checked.set(0, u32::from(attached.svm_is_checked), 0)?;
        let mut failed = None;
        for (kind, function) in KINDS.into_iter().zip(FUNCTIONS) {
            let link = program(bpf, kind)?.attach(full(function), 0);
            attached.unavailable.push(match link {
                Ok(link) => {
                    attached.links.push((kind, link));
                    None
                }
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    let why = match errno(&error) {
                        Some(nix::errno::Errno::ENOENT) => {
                            "this amdgpu has no such function".to_owned()
                        }
                        _ => format!("{error:#}"),
                    };
                    failed = Some(error);
                    Some(why)
                }
            });
        }
        if let (true, Some(error)) = (attached.links.is_empty(), failed) {
            return Err(error).context("cannot probe KFD's functions");
        }
        if let Ok(link) = program(bpf, "self_check")?.attach(full(CHECKED), 0) {
            attached.links.push(("self_check", link));
            attached.has_check = true;
        }
        Ok(attached)
    }

    /// Detaches everything, even from an amdgpu that was unloaded.
    pub(super) fn detach(&mut self, bpf: &mut Ebpf) -> Result<()> {
        for (name, link) in self.links.drain(..) {
            program(bpf, name)?.detach(link)?;
        }
        self.has_check = false;
        Ok(())
    }
}

/// The program of that name; loads it, unless it is loaded.
fn program<'a>(bpf: &'a mut Ebpf, name: &str) -> Result<&'a mut KProbe> {
    let program = bpf.program_mut(name);
    let program: &mut KProbe = program
        .with_context(|| format!("no program {name}"))?
        .try_into()?;
    if program.fd().is_err() {
        program
            .load()
            .with_context(|| format!("the kernel refuses the BPF program {name}"))?;
    }
    Ok(program)
}

/// Follows the children of the calling thread.
pub(super) fn follow(bpf: &mut Ebpf) -> Result<()> {
    for name in [
        "sched_process_exit",
        "sched_process_exec",
        "sched_process_fork",
    ] {
        let program = bpf.program_mut(name);
        let program: &mut TracePoint = program
            .with_context(|| format!("no program {name}"))?
            .try_into()?;
        program
            .load()
            .with_context(|| format!("the kernel refuses the BPF program {name}"))?;
        program
            .attach("sched", name)
            .with_context(|| format!("cannot follow children by the tracepoint sched:{name}"))?;
    }
    Ok(())
}

/// The offset of a tracepoint's field; 0 if it is not needed.
pub(super) fn field(root: &Root, is_wanted: bool, event: &str, field: &str) -> Result<u32> {
    if !is_wanted {
        return Ok(0);
    }
    let mut read = Err(io::Error::from(io::ErrorKind::NotFound));
    for place in TRACEFS {
        read = root.bytes(format!("{place}/events/sched/{event}/format"));
        let denied =
            read.as_ref().err().map(io::Error::kind) == Some(io::ErrorKind::PermissionDenied);
        if read.is_ok() || denied {
            break;
        }
    }
    let words = format!(
        "cannot read the format of the tracepoint sched:{event}: is tracefs mounted? \
         (mount -t tracefs tracefs {})",
        TRACEFS[0]
    );
    let text = match read {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(error).context(words);
        }
        // Do not chain this error: errno() would take its code for that of a probe.
        Err(error) => bail!("{words}: {error}"),
    };
    let text = String::from_utf8_lossy(&text);
    offset(&text, field).with_context(|| format!("sched:{event} has no field {field}:\n{text}"))
}

/// Parses lines like `field:pid_t child_pid; offset:44; size:4; signed:1;`, with tabs between.
fn offset(format: &str, field: &str) -> Option<u32> {
    let line = format.lines().find(|line| {
        let declared = line.trim_start().strip_prefix("field:");
        let declared = declared.and_then(|rest| rest.split(';').next());
        declared.and_then(|words| words.split(' ').next_back()) == Some(field)
    })?;
    let mut parts = line.split(';').map(str::trim);
    parts
        .find_map(|part| part.strip_prefix("offset:"))?
        .parse()
        .ok()
}

/// How often the kernel skipped a program, because the CPU was running another one.
pub(super) fn missed(bpf: &Ebpf, name: &str) -> u64 {
    let find = || -> Option<u64> {
        let program: &KProbe = bpf.program(name)?.try_into().ok()?;
        let fd = program.fd().ok()?.as_fd().as_raw_fd();
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("recursion_misses:"))?;
        line.trim().parse().ok()
    };
    find().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let format = "name: sched_process_fork\nID: 311\nformat:\n\
                      \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
                      \tfield:__data_loc char[] parent_comm;\toffset:8;\tsize:4;\tsigned:0;\n\
                      \tfield:pid_t child_pid;\toffset:20;\tsize:4;\tsigned:1;\n";
        assert_eq!(offset(format, "child_pid"), Some(20));
        assert_eq!(offset(format, "parent_comm"), Some(8));
        assert_eq!(offset(format, "pid"), None);
    }
}
