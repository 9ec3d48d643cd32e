/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Rust sees of KFD's UAPI. Kbuild and Cargo both run bindgen over this file, with the
 * arguments in kfd_uapi.bindgen, against the headers of a kernel tree.
 */
#include <linux/kfd_sysfs.h>

/* The module reads sysfs, and makes no ioctl. */
#ifndef MODULE
#include <linux/kfd_ioctl.h>

/*
 * bindgen evaluates macros of numbers, but not those that need sizeof, as _IOWR() does: they are
 * constants here, and lose their prefix in the result.
 */
static const __u32 KFD_CONST_AMDKFD_IOC_GET_VERSION = AMDKFD_IOC_GET_VERSION;
static const __u32 KFD_CONST_AMDKFD_IOC_CREATE_QUEUE = AMDKFD_IOC_CREATE_QUEUE;
static const __u32 KFD_CONST_AMDKFD_IOC_SET_MEMORY_POLICY = AMDKFD_IOC_SET_MEMORY_POLICY;
static const __u32 KFD_CONST_AMDKFD_IOC_ALLOC_MEMORY_OF_GPU = AMDKFD_IOC_ALLOC_MEMORY_OF_GPU;
static const __u32 KFD_CONST_AMDKFD_IOC_SVM = AMDKFD_IOC_SVM;
#endif
