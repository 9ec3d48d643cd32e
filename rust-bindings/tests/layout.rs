// SPDX-License-Identifier: GPL-2.0

//! Compares bindgen's sizes, offsets and numbers with the C compiler's, which `layout.c` exports.

use std::mem::{
    offset_of,
    size_of, //
};

use kfd_uapi as uapi;

/// Declares symbols of `layout.c`, and a test that compares each with its Rust value.
macro_rules! same {
    ($test:ident: $( $symbol:ident as $ty:ty = $rust:expr; )+) => {
        #[test]
        fn $test() {
            extern "C" {
                $( static $symbol: $ty; )+
            }
            $(
                // SAFETY: layout.c defines a constant of this name and type.
                let c = unsafe { $symbol };
                assert_eq!(c, <$ty>::try_from($rust).unwrap(), stringify!($symbol));
            )+
        }
    };
}

same! { sizes_and_offsets:
    layout_size_kfd_ioctl_alloc_memory_of_gpu_args as usize =
        size_of::<uapi::kfd_ioctl_alloc_memory_of_gpu_args>();
    layout_offset_kfd_ioctl_alloc_memory_of_gpu_args_va_addr as usize =
        offset_of!(uapi::kfd_ioctl_alloc_memory_of_gpu_args, va_addr);
    layout_offset_kfd_ioctl_alloc_memory_of_gpu_args_size as usize =
        offset_of!(uapi::kfd_ioctl_alloc_memory_of_gpu_args, size);
    layout_offset_kfd_ioctl_alloc_memory_of_gpu_args_gpu_id as usize =
        offset_of!(uapi::kfd_ioctl_alloc_memory_of_gpu_args, gpu_id);
    layout_offset_kfd_ioctl_alloc_memory_of_gpu_args_flags as usize =
        offset_of!(uapi::kfd_ioctl_alloc_memory_of_gpu_args, flags);
    layout_size_kfd_ioctl_create_queue_args as usize =
        size_of::<uapi::kfd_ioctl_create_queue_args>();
    layout_offset_kfd_ioctl_create_queue_args_gpu_id as usize =
        offset_of!(uapi::kfd_ioctl_create_queue_args, gpu_id);
    layout_offset_kfd_ioctl_create_queue_args_queue_type as usize =
        offset_of!(uapi::kfd_ioctl_create_queue_args, queue_type);
    layout_size_kfd_ioctl_set_memory_policy_args as usize =
        size_of::<uapi::kfd_ioctl_set_memory_policy_args>();
    layout_offset_kfd_ioctl_set_memory_policy_args_gpu_id as usize =
        offset_of!(uapi::kfd_ioctl_set_memory_policy_args, gpu_id);
    layout_offset_kfd_ioctl_set_memory_policy_args_default_policy as usize =
        offset_of!(uapi::kfd_ioctl_set_memory_policy_args, default_policy);
    layout_size_kfd_ioctl_svm_args as usize = size_of::<uapi::kfd_ioctl_svm_args>();
    layout_offset_kfd_ioctl_svm_args_op as usize = offset_of!(uapi::kfd_ioctl_svm_args, op);
    layout_offset_kfd_ioctl_svm_args_nattr as usize = offset_of!(uapi::kfd_ioctl_svm_args, nattr);
    layout_size_kfd_ioctl_svm_attribute as usize = size_of::<uapi::kfd_ioctl_svm_attribute>();
}

same! { numbers:
    layout_number_AMDKFD_IOC_GET_VERSION as u32 = uapi::AMDKFD_IOC_GET_VERSION;
    layout_number_AMDKFD_IOC_CREATE_QUEUE as u32 = uapi::AMDKFD_IOC_CREATE_QUEUE;
    layout_number_AMDKFD_IOC_SET_MEMORY_POLICY as u32 = uapi::AMDKFD_IOC_SET_MEMORY_POLICY;
    layout_number_AMDKFD_IOC_ALLOC_MEMORY_OF_GPU as u32 = uapi::AMDKFD_IOC_ALLOC_MEMORY_OF_GPU;
    layout_number_AMDKFD_IOC_SVM as u32 = uapi::AMDKFD_IOC_SVM;
    layout_number_KFD_IOC_ALLOC_MEM_FLAGS_VRAM as u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_VRAM;
    layout_number_KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE as u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE;
    layout_number_KFD_IOC_ALLOC_MEM_FLAGS_COHERENT as u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_COHERENT;
    layout_number_KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED as u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED;
    layout_number_HSA_MEM_HEAP_TYPE_SYSTEM as u32 = uapi::HSA_MEM_HEAP_TYPE_SYSTEM;
    layout_number_HSA_MEM_HEAP_TYPE_FB_PUBLIC as u32 = uapi::HSA_MEM_HEAP_TYPE_FB_PUBLIC;
    layout_number_HSA_MEM_HEAP_TYPE_FB_PRIVATE as u32 = uapi::HSA_MEM_HEAP_TYPE_FB_PRIVATE;
    layout_number_HSA_MEM_HEAP_TYPE_GPU_GDS as u32 = uapi::HSA_MEM_HEAP_TYPE_GPU_GDS;
    layout_number_HSA_MEM_HEAP_TYPE_GPU_LDS as u32 = uapi::HSA_MEM_HEAP_TYPE_GPU_LDS;
    layout_number_HSA_MEM_HEAP_TYPE_GPU_SCRATCH as u32 = uapi::HSA_MEM_HEAP_TYPE_GPU_SCRATCH;
    layout_number_HSA_MEM_FLAGS_HOT_PLUGGABLE as u32 = uapi::HSA_MEM_FLAGS_HOT_PLUGGABLE;
    layout_number_HSA_CAP_DOORBELL_TYPE_TOTALBITS_MASK as u32
        = uapi::HSA_CAP_DOORBELL_TYPE_TOTALBITS_MASK;
    layout_number_HSA_CAP_FLAGS_COHERENTHOSTACCESS as u32 = uapi::HSA_CAP_FLAGS_COHERENTHOSTACCESS;
    layout_number_HSA_IOLINK_TYPE_XGMI as u32 = uapi::HSA_IOLINK_TYPE_XGMI;
    layout_number_HSA_IOLINK_FLAGS_NON_COHERENT as u32 = uapi::HSA_IOLINK_FLAGS_NON_COHERENT;
}

/// The C library's headers can be older than any kernel: the build must not use them here.
#[test]
fn headers_are_a_kernel_trees() {
    assert_ne!(uapi::HEADERS, "/usr/include");
}
