// SPDX-License-Identifier: GPL-2.0
/*
 * The sizes, offsets and numbers of kfd_uapi.h as the C compiler computes them. tests/layout.rs
 * compares them with bindgen's. Each has its own symbol, so that a test with a wrong name does
 * not link.
 */
#include <stddef.h>
#include "kfd_uapi.h"

#define SIZE(type) const size_t layout_size_##type = sizeof(struct type)
#define OFFSET(type, member) \
	const size_t layout_offset_##type##_##member = offsetof(struct type, member)
#define NUMBER(name) const __u32 layout_number_##name = name

SIZE(kfd_ioctl_alloc_memory_of_gpu_args);
OFFSET(kfd_ioctl_alloc_memory_of_gpu_args, va_addr);
OFFSET(kfd_ioctl_alloc_memory_of_gpu_args, size);
OFFSET(kfd_ioctl_alloc_memory_of_gpu_args, gpu_id);
OFFSET(kfd_ioctl_alloc_memory_of_gpu_args, flags);
SIZE(kfd_ioctl_create_queue_args);
OFFSET(kfd_ioctl_create_queue_args, gpu_id);
OFFSET(kfd_ioctl_create_queue_args, queue_type);
SIZE(kfd_ioctl_set_memory_policy_args);
OFFSET(kfd_ioctl_set_memory_policy_args, gpu_id);
OFFSET(kfd_ioctl_set_memory_policy_args, default_policy);
SIZE(kfd_ioctl_svm_args);
OFFSET(kfd_ioctl_svm_args, op);
OFFSET(kfd_ioctl_svm_args, nattr);
SIZE(kfd_ioctl_svm_attribute);

NUMBER(AMDKFD_IOC_GET_VERSION);
NUMBER(AMDKFD_IOC_CREATE_QUEUE);
NUMBER(AMDKFD_IOC_SET_MEMORY_POLICY);
NUMBER(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU);
NUMBER(AMDKFD_IOC_SVM);
NUMBER(KFD_IOC_ALLOC_MEM_FLAGS_VRAM);
NUMBER(KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE);
NUMBER(KFD_IOC_ALLOC_MEM_FLAGS_COHERENT);
NUMBER(KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED);
NUMBER(HSA_MEM_HEAP_TYPE_SYSTEM);
NUMBER(HSA_MEM_HEAP_TYPE_FB_PUBLIC);
NUMBER(HSA_MEM_HEAP_TYPE_FB_PRIVATE);
NUMBER(HSA_MEM_HEAP_TYPE_GPU_GDS);
NUMBER(HSA_MEM_HEAP_TYPE_GPU_LDS);
NUMBER(HSA_MEM_HEAP_TYPE_GPU_SCRATCH);
NUMBER(HSA_MEM_FLAGS_HOT_PLUGGABLE);
NUMBER(HSA_CAP_DOORBELL_TYPE_TOTALBITS_MASK);
NUMBER(HSA_CAP_FLAGS_COHERENTHOSTACCESS);
NUMBER(HSA_IOLINK_TYPE_XGMI);
NUMBER(HSA_IOLINK_FLAGS_NON_COHERENT);
