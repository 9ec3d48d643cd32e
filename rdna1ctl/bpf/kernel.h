/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declares what the BPF programs need of the kernel: the helpers that they call, by their numbers
 * in linux/bpf.h, and the registers at the entry of a function on x86-64.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
#define INLINE inline __attribute__((always_inline))
#define barrier() asm volatile("" ::: "memory")

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) =
	(void *)BPF_FUNC_map_lookup_elem;
static __u64 (*const bpf_jiffies64)(void) = (void *)BPF_FUNC_jiffies64;
static __u64 (*const bpf_ktime_get_ns)(void) = (void *)BPF_FUNC_ktime_get_ns;
static __u64 (*const bpf_get_current_pid_tgid)(void) = (void *)BPF_FUNC_get_current_pid_tgid;
static long (*const bpf_get_current_comm)(void *to, __u32 size) =
	(void *)BPF_FUNC_get_current_comm;
static long (*const bpf_probe_read_kernel)(void *to, __u32 size, __u64 from) =
	(void *)BPF_FUNC_probe_read_kernel;
static long (*const bpf_loop)(__u32 times, void *function, void *context, __u64 flags) =
	(void *)BPF_FUNC_loop;
static long (*const bpf_get_ns_current_pid_tgid)(__u64 device, __u64 inode,
						 struct bpf_pidns_info *to, __u32 size) =
	(void *)BPF_FUNC_get_ns_current_pid_tgid;

/* The beginning of struct pt_regs on x86-64. */
struct registers {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
};

/* The third argument of the probed function. */
static INLINE __u64 third(struct registers *registers)
{
	return registers->dx;
}

#endif
