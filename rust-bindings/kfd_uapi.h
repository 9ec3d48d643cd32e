/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The input of bindgen for KFD's UAPI. Kbuild and Cargo both run bindgen on this file, with the
 * arguments in kfd_uapi.bindgen and the headers of a kernel tree.
 */
#include <linux/kfd_sysfs.h>

/* The module makes no ioctl. */
#ifndef MODULE
#include <linux/kfd_ioctl.h>

/*
 * bindgen evaluates macros that are numbers, but not those with sizeof, as in _IOWR(). Declare
 * those as constants here; build.rs removes the prefix KFD_CONST_ from the bindings.
 */
static const __u32 KFD_CONST_AMDKFD_IOC_GET_VERSION = AMDKFD_IOC_GET_VERSION;
static const __u32 KFD_CONST_AMDKFD_IOC_CREATE_QUEUE = AMDKFD_IOC_CREATE_QUEUE;
static const __u32 KFD_CONST_AMDKFD_IOC_SET_MEMORY_POLICY = AMDKFD_IOC_SET_MEMORY_POLICY;
static const __u32 KFD_CONST_AMDKFD_IOC_ALLOC_MEMORY_OF_GPU = AMDKFD_IOC_ALLOC_MEMORY_OF_GPU;
static const __u32 KFD_CONST_AMDKFD_IOC_SVM = AMDKFD_IOC_SVM;
#endif
