// SPDX-License-Identifier: GPL-2.0

//! The functions of KFD in which a request begins, and what they are called with.
//!
//! All handlers of ioctls have one form: `int handler(struct file *, struct kfd_process *, void
//! *data)` (`amdkfd_ioctl_t`, `kfd_priv.h`), and `kfd_ioctl()` (`kfd_chardev.c`) calls them by
//! their addresses, so that they can neither be inlined nor lose an argument. `data` is the kernel's
//! own copy of the ioctl's struct, on the caller's stack (128 bytes) or, for a larger one,
//! allocated, with zeroes up to that struct's size after what user space gave; nobody else knows its address.

use core::slice;

use crate::uapi;

use super::kprobe::{
    Call,
    Function, //
};

/// Declares handlers of ioctls whose struct has a fixed size.
macro_rules! handlers {
    ($( $(#[$doc:meta])* $handler:ident($argument:ident) = $name:literal; )+) => {
        $(
            $(#[$doc])*
            pub(crate) struct $handler;

            // Whatever this amdgpu takes for the size of the struct, there is as much memory: all of
            // `stack_kdata` in `kfd_ioctl()`.
            const _: () = assert!(size_of::<uapi::$argument>() <= 128);

            // SAFETY: The third argument is `data`, of the ioctl whose struct this is: see above.
            unsafe impl Function for $handler {
                const NAME: &'static kernel::str::CStr = $name;
                type Argument = uapi::$argument;
            }
        )+
    };
}

handlers! {
    /// Handles `AMDKFD_IOC_ALLOC_MEMORY_OF_GPU`.
    AllocMemory(kfd_ioctl_alloc_memory_of_gpu_args) = c"amdgpu:kfd_ioctl_alloc_memory_of_gpu";
    /// Handles `AMDKFD_IOC_SET_MEMORY_POLICY`.
    SetMemoryPolicy(kfd_ioctl_set_memory_policy_args) = c"amdgpu:kfd_ioctl_set_memory_policy";
    /// Handles `AMDKFD_IOC_CREATE_QUEUE`.
    CreateQueue(kfd_ioctl_create_queue_args) = c"amdgpu:kfd_ioctl_create_queue";
}

/// Handles `AMDKFD_IOC_SVM`.
pub(crate) struct Svm;

// SAFETY: As above. That there are as many attributes behind the struct as it says, another function
// has made sure before; an amdgpu without that function is not watched here.
unsafe impl Function for Svm {
    const NAME: &'static kernel::str::CStr = c"amdgpu:kfd_ioctl_svm";
    type Argument = uapi::kfd_ioctl_svm_args;
    const BESIDE: Option<&'static kernel::str::CStr> = Some(c"amdgpu:kfd_ioctl_svm_validate");
}

impl<'a> Call<'a, Svm> {
    /// The attributes, `most` of them at most.
    pub(crate) fn attributes(&self, most: u32) -> &'a [uapi::kfd_ioctl_svm_attribute] {
        let count = self.argument().nattr.min(most) as usize;
        // SAFETY: `kfd_ioctl_svm_validate()`, which is there, has returned 0: the copy holds
        // `nattr` attributes after the struct. They may be read as long as that.
        unsafe {
            let attributes = &raw const (*self.pointer().as_ptr()).attrs;
            slice::from_raw_parts(attributes.cast(), count)
        }
    }
}

/// Shows `generation_id` of the topology, whenever that file is read.
pub(crate) struct ShowGeneration;

// SAFETY: The third argument of `show` in `struct sysfs_ops` is a buffer; nothing of it is read.
unsafe impl Function for ShowGeneration {
    const NAME: &'static kernel::str::CStr = c"amdgpu:sysprops_show";
    type Argument = ();
}
