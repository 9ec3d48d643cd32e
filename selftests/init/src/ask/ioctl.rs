// SPDX-License-Identifier: GPL-2.0

//! Encodes a test request as the number and the arguments of a KFD ioctl.

use std::fs::File;
use std::os::fd::AsRawFd;

use anyhow::{bail, Result};
use kfd_uapi as uapi;
use nix::errno::Errno;
use nix::libc;

use super::Request;

/// A KFD ioctl with its arguments.
pub struct Ioctl {
    number: u32,
    arguments: Vec<u64>,
}

impl Ioctl {
    /// The ioctl for a request.
    pub fn new(request: &Request) -> Self {
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
                    // Not page-aligned, so that KFD's handler rejects the range at once.
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
            Request::Version => Self::of(
                uapi::AMDKFD_IOC_GET_VERSION,
                uapi::kfd_ioctl_get_version_args::default(),
                &[],
            ),
        }
    }

    /// Builds an ioctl from a KFD struct; its number includes the size of the attributes behind it.
    fn of<T>(number: u32, arguments: T, attributes: &[(u32, u32)]) -> Self {
        const SIZE_SHIFT: u32 = 16;
        let words = size_of::<T>() / 8;
        let mut memory = vec![0; words];
        // SAFETY: `memory` has room for the struct, and any bytes are a valid `u64`.
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

    /// Makes the ioctl on a copy of the arguments in `memory`, to which KFD writes its answer.
    /// Accepts any answer that proves that KFD's handler was entered.
    pub fn call(&self, kfd: &File, memory: &mut Vec<u64>) -> Result<()> {
        memory.clear();
        memory.extend_from_slice(&self.arguments);
        // SAFETY: `memory` is as large as the ioctl's number says.
        let result =
            unsafe { libc::ioctl(kfd.as_raw_fd(), self.number.into(), memory.as_mut_ptr()) };
        match Errno::result(result) {
            Err(errno @ (Errno::EBADF | Errno::ENOTTY | Errno::EFAULT | Errno::ENOMEM)) => {
                bail!("ioctl {:#x}: {errno}", self.number)
            }
            _ => Ok(()),
        }
    }
}
