// SPDX-License-Identifier: GPL-2.0
/*
 * BPF programs that count the requests of programs to KFD. src/trace loads them, and attaches a
 * kprobe to each of KFD's ioctl handlers. They count at entry, so failed requests count, too.
 *
 * All handlers have the form int handler(struct file *, struct kfd_process *, void *data). `data`
 * is the kernel's own copy of the ioctl's structure, which user space cannot change any more. Its
 * layout is UAPI, so nothing here needs BTF of amdgpu or of the kernel.
 */
#include "rows.h"
#include "svm.h"
#include "tree.h"

SEC("kprobe")
int alloc_memory(struct registers *registers)
{
	struct kfd_ioctl_alloc_memory_of_gpu_args args;
	__u64 who = bpf_get_current_pid_tgid();

	if (!is_wanted(who))
		return 0;
	if (bpf_probe_read_kernel(&args, sizeof(args), third(registers))) {
		lose(ALLOC);
		return 0;
	}
	struct asked *asked = asked_by(who, args.gpu_id, ALLOC);

	if (!asked)
		return 0;
	__u32 heap = NO_HEAP, grain = args.flags >> GRAIN_SHIFT & (GRAINS - 1);

	/* BPF has no instruction that finds the lowest set bit. */
	if (args.flags & KFD_IOC_ALLOC_MEM_FLAGS_VRAM)
		heap = 0;
	else if (args.flags & KFD_IOC_ALLOC_MEM_FLAGS_GTT)
		heap = 1;
	else if (args.flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR)
		heap = 2;
	else if (args.flags & KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL)
		heap = 3;
	else if (args.flags & KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP)
		heap = 4;
	add(&asked->allocations[heap][grain], 1);
	/* Doorbells and MMIO are registers, and queue memory is always uncached. */
	if (heap <= 2 && grain & FINE && !(grain & QUEUE))
		keep(who, 0, args.gpu_id, args.flags, args.size);
	return 0;
}

SEC("kprobe")
int set_memory_policy(struct registers *registers)
{
	struct kfd_ioctl_set_memory_policy_args args;
	__u64 who = bpf_get_current_pid_tgid();

	if (!is_wanted(who))
		return 0;
	if (bpf_probe_read_kernel(&args, sizeof(args), third(registers))) {
		lose(POLICY);
		return 0;
	}
	struct asked *asked = asked_by(who, args.gpu_id, POLICY);

	if (asked)
		add(&asked->policies[at_most(args.default_policy, 2) << 2 |
				     at_most(args.alternate_policy, 2)], 1);
	return 0;
}

SEC("kprobe")
int create_queue(struct registers *registers)
{
	/* Later kernels appended fields to the structure, so read only these two. */
	struct {
		__u32 gpu_id;
		__u32 queue_type;
	} args;
	const __u64 gpu_id = __builtin_offsetof(struct kfd_ioctl_create_queue_args, gpu_id);
	__u64 who = bpf_get_current_pid_tgid();

	_Static_assert(__builtin_offsetof(struct kfd_ioctl_create_queue_args, queue_type) ==
		       __builtin_offsetof(struct kfd_ioctl_create_queue_args, gpu_id) + 4,
		       "a queue's type follows its card");
	if (!is_wanted(who))
		return 0;
	if (bpf_probe_read_kernel(&args, sizeof(args), third(registers) + gpu_id)) {
		lose(QUEUES_MADE);
		return 0;
	}
	struct asked *asked = asked_by(who, args.gpu_id, QUEUES_MADE);

	if (asked)
		add(&asked->queues[at_most(args.queue_type, QUEUES - 1)], 1);
	return 0;
}

/* The self-check: rdna1ctl reads generation_id of the topology, and KFD calls this function. */
SEC("kprobe")
int self_check(struct registers *registers)
{
	struct kept *kept = all();

	if (kept) {
		kept->ticks = bpf_jiffies64();
		kept->nanoseconds = bpf_ktime_get_ns();
		add(&kept->checks, 1);
	}
	return 0;
}

/* Does nothing. src/trace attaches it for a moment to find out whether a function exists. */
SEC("kprobe")
int is_there(struct registers *registers)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
