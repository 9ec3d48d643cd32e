// SPDX-License-Identifier: GPL-2.0

//! Which counter a request belongs to.
//!
//! Constants are those of the kernel's `include/uapi/linux/kfd_ioctl.h`. Everything here runs at the
//! entry of an ioctl, so it is a few shifts rather than a list of cases; the assertions say what the
//! shifts rely on.

use crate::uapi;

/// Heaps that an allocation may name, in the order of their flags.
///
/// KFD takes the first that is named, in this order
/// (`amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu()`, `amdgpu_amdkfd_gpuvm.c`).
pub const HEAPS: [&str; 6] = ["vram", "gtt", "userptr", "doorbell", "mmio", "none"];

const HEAP_FLAGS: u32 = 0x1f;
const NO_HEAP: u32 = 0x20;
const _: () = assert!(
    uapi::KFD_IOC_ALLOC_MEM_FLAGS_VRAM == 1
        && uapi::KFD_IOC_ALLOC_MEM_FLAGS_GTT == 1 << 1
        && uapi::KFD_IOC_ALLOC_MEM_FLAGS_USERPTR == 1 << 2
        && uapi::KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL == 1 << 3
        && uapi::KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP == 1 << 4
);

/// The flags that tell an allocation's grain, as they stand in [`Allocation::grain`].
pub const EXT_COHERENT: u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT >> GRAIN_SHIFT;
/// As above.
pub const UNCACHED: u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED >> GRAIN_SHIFT;
/// As above.
pub const COHERENT: u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_COHERENT >> GRAIN_SHIFT;
/// The flag of memory for an AQL queue, which is uncached in any case.
pub const QUEUE: u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM >> GRAIN_SHIFT;
/// Those by which memory is fine-grained: libhsakmt sets `COHERENT` where the user did not ask for
/// coarse grain, `EXT_COHERENT` for the extended one, and `UNCACHED` if that was asked for.
pub const FINE: u32 = EXT_COHERENT | UNCACHED | COHERENT;

const GRAIN_SHIFT: u32 = 24;
/// How many sets of [`FINE`] and [`QUEUE`] there are.
pub const GRAINS: u32 = 16;
const _: () = assert!(FINE | QUEUE == GRAINS - 1);

/// What an `AMDKFD_IOC_ALLOC_MEMORY_OF_GPU` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The number of its heap in [`HEAPS`].
    pub heap: u32,
    /// Of [`FINE`] and [`QUEUE`].
    pub grain: u32,
}

impl Allocation {
    /// How many there are.
    pub const COUNT: usize = HEAPS.len() * GRAINS as usize;

    /// What these flags ask for.
    #[inline]
    pub fn of_flags(flags: u32) -> Self {
        Self {
            heap: (flags & HEAP_FLAGS | NO_HEAP).trailing_zeros(),
            grain: (flags >> GRAIN_SHIFT) & (GRAINS - 1),
        }
    }

    /// Its number, less than [`Self::COUNT`].
    #[inline]
    pub fn number(self) -> usize {
        (self.heap << 4 | self.grain) as usize
    }

    /// Whether it is for fine-grained memory: not registers, doorbells, or a queue's memory.
    #[inline]
    pub fn is_fine(self) -> bool {
        self.heap <= 2 && self.grain & FINE != 0 && self.grain & QUEUE == 0
    }
}

/// Kinds of queues; all that are not named are `other`.
pub const QUEUES: [&str; 6] = [
    "compute",
    "sdma",
    "compute_aql",
    "sdma_xgmi",
    "sdma_by_engine",
    "other",
];
const _: () = assert!(
    uapi::KFD_IOC_QUEUE_TYPE_COMPUTE == 0
        && uapi::KFD_IOC_QUEUE_TYPE_SDMA == 1
        && uapi::KFD_IOC_QUEUE_TYPE_COMPUTE_AQL == 2
        && uapi::KFD_IOC_QUEUE_TYPE_SDMA_XGMI == 3
);

/// The number of a queue's kind in [`QUEUES`].
#[inline]
pub fn queue(queue_type: u32) -> usize {
    queue_type.min(5) as usize
}

const _: () = assert!(
    uapi::KFD_IOC_CACHE_POLICY_COHERENT == 0 && uapi::KFD_IOC_CACHE_POLICY_NONCOHERENT == 1
);

/// How many pairs of policies there are.
pub const POLICY_PAIRS: usize = 16;

/// The number of a pair of policies: that of the default aperture times four, and that of the
/// alternate one; 2 for what is neither coherent nor noncoherent.
#[inline]
pub fn policies(default: u32, alternate: u32) -> usize {
    (default.min(2) << 2 | alternate.min(2)) as usize
}

/// Operations of `AMDKFD_IOC_SVM`; all that are not named are `other`.
pub const SVM_OPERATIONS: [&str; 3] = ["set", "get", "other"];
const _: () = assert!(
    uapi::kfd_ioctl_svm_op_KFD_IOCTL_SVM_OP_SET_ATTR == 0
        && uapi::kfd_ioctl_svm_op_KFD_IOCTL_SVM_OP_GET_ATTR == 1
);

/// The number of an operation in [`SVM_OPERATIONS`].
#[inline]
pub fn svm_operation(operation: u32) -> usize {
    operation.min(2) as usize
}

/// Attributes of `AMDKFD_IOC_SVM`; all that are not named are `other`.
pub const SVM_ATTRIBUTES: [&str; 9] = [
    "preferred_loc",
    "prefetch_loc",
    "access",
    "access_in_place",
    "no_access",
    "set_flags",
    "clr_flags",
    "granularity",
    "other",
];
const SET_FLAGS: u32 = uapi::kfd_ioctl_svm_attr_type_KFD_IOCTL_SVM_ATTR_SET_FLAGS;
const CLR_FLAGS: u32 = uapi::kfd_ioctl_svm_attr_type_KFD_IOCTL_SVM_ATTR_CLR_FLAGS;
const _: () = assert!(
    uapi::kfd_ioctl_svm_attr_type_KFD_IOCTL_SVM_ATTR_PREFERRED_LOC == 0
        && SET_FLAGS == 5
        && CLR_FLAGS == 6
        && uapi::kfd_ioctl_svm_attr_type_KFD_IOCTL_SVM_ATTR_GRANULARITY == 7
);

/// The flags that tell the grain of a range of SVM.
pub const SVM_COHERENT: u32 = uapi::KFD_IOCTL_SVM_FLAG_COHERENT;
/// As above.
pub const SVM_EXT_COHERENT: u32 = uapi::KFD_IOCTL_SVM_FLAG_EXT_COHERENT;

/// How many sets of them there are.
pub const SVM_GRAINS: usize = 4;

/// The number of an attribute's type in [`SVM_ATTRIBUTES`].
#[inline]
pub fn svm_attribute(kind: u32) -> usize {
    kind.min(8) as usize
}

/// Whether an attribute's value is flags to set or to clear.
#[inline]
pub fn is_svm_flags(kind: u32) -> bool {
    kind == SET_FLAGS || kind == CLR_FLAGS
}

/// Which of the flags that tell a grain are set: 1 for coherent, 2 for ext_coherent.
#[inline]
pub fn svm_grain(flags: u32) -> usize {
    usize::from(flags & SVM_COHERENT != 0) | usize::from(flags & SVM_EXT_COHERENT != 0) << 1
}

/// Whether an attribute with flags of that grain asks for it.
#[inline]
pub fn is_svm_fine(kind: u32, grain: usize) -> bool {
    kind == SET_FLAGS && grain != 0
}
