// SPDX-License-Identifier: GPL-2.0

//! A BPF program: a device filter that denies everything.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::libc::{c_long, syscall, SYS_bpf};

const BPF_PROG_LOAD: c_long = 5;
const BPF_PROG_ATTACH: c_long = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;

/// `r0 = 0; exit`: zero denies the access.
const DENY_ALL: [u64; 2] = [0x0000_0000_0000_00b7, 0x0000_0000_0000_0095];

/// The head of `union bpf_attr` for BPF_PROG_LOAD; the kernel takes the missing rest for zero.
#[repr(C)]
struct LoadAttr {
    prog_type: u32,
    insn_count: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
}

/// The head of `union bpf_attr` for BPF_PROG_ATTACH.
#[repr(C)]
struct AttachAttr {
    target_fd: RawFd,
    attach_bpf_fd: RawFd,
    attach_type: u32,
    attach_flags: u32,
}

/// Denies every device to the processes in the cgroup with this open folder.
pub fn deny_all_devices(cgroup: &File) -> io::Result<()> {
    let license = c"GPL";
    let load = LoadAttr {
        prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_count: DENY_ALL.len() as u32,
        insns: DENY_ALL.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
    };
    // SAFETY: `load` points to values that live until the call is over.
    let program = unsafe { bpf(BPF_PROG_LOAD, &load) }?;
    // SAFETY: the kernel has just made this descriptor for us.
    let program = unsafe { OwnedFd::from_raw_fd(program) };
    let attach = AttachAttr {
        target_fd: cgroup.as_raw_fd(),
        attach_bpf_fd: program.as_raw_fd(),
        attach_type: BPF_CGROUP_DEVICE,
        attach_flags: 0,
    };
    // SAFETY: `attach` holds no pointers.
    unsafe { bpf(BPF_PROG_ATTACH, &attach) }.map(drop)
}

/// Calls bpf(2).
///
/// # Safety
///
/// `attr` has to be the attributes of this command, with every pointer in it valid for it.
unsafe fn bpf<T>(command: c_long, attr: &T) -> io::Result<RawFd> {
    // SAFETY: `attr` is readable for its whole size; the rest is the caller's promise.
    let result = unsafe { syscall(SYS_bpf, command, std::ptr::from_ref(attr), size_of::<T>()) };
    match RawFd::try_from(result) {
        Ok(fd) if fd >= 0 => Ok(fd),
        _ => Err(io::Error::last_os_error()),
    }
}
