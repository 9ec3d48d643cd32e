/* SPDX-License-Identifier: GPL-2.0 */
/* What is kept; src/trace/layout.rs mirrors the structures. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "kernel.h"

#include <linux/kfd_ioctl.h>

/* What is counted of requests that name a card: by heap and grain, by policies, by queue type. */
#define HEAPS 6
#define GRAINS 16
#define POLICIES 16
#define QUEUES 6

/* Of a request's flags: KFD takes the first heap that is named, in the order of the flags. */
#define HEAP_FLAGS 0x1fu
#define NO_HEAP 5
#define GRAIN_SHIFT 24
#define GRAIN_OF(flag) (KFD_IOC_ALLOC_MEM_FLAGS_##flag >> GRAIN_SHIFT)
#define FINE (GRAIN_OF(EXT_COHERENT) | GRAIN_OF(UNCACHED) | GRAIN_OF(COHERENT))
#define QUEUE GRAIN_OF(AQL_QUEUE_MEM)
_Static_assert((KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_GTT |
		KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL |
		KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP) == HEAP_FLAGS, "heaps");
_Static_assert((FINE | QUEUE) == GRAINS - 1, "grains");

/* AMDKFD_IOC_SVM names no card: operations (set, get, other) and attributes. */
#define OPERATIONS 3
#define OTHER_OPERATION 2
#define ATTRIBUTES 9
#define OTHER_ATTRIBUTE 8
#define SVM_GRAINS 4
_Static_assert(KFD_IOCTL_SVM_OP_SET_ATTR == 0 && KFD_IOCTL_SVM_OP_GET_ATTR == 1 &&
	       KFD_IOCTL_SVM_ATTR_GRANULARITY == OTHER_ATTRIBUTE - 1, "SVM");
_Static_assert(KFD_IOCTL_SVM_FLAG_COHERENT == 2 && KFD_IOCTL_SVM_FLAG_EXT_COHERENT == 0x80,
	       "SVM flags");
/* The most attributes of one request that are looked at, and how many of them at once. */
#define MOST_ATTRIBUTES 64
#define CHUNK 4
/* How many are read with the request itself. */
#define FIRST 3

#define COMMAND 16
#define KEPT 32

struct asked {
	/* Process << 32 | KFD's id of the card; 0 if the row is free. */
	__u64 key;
	__u64 allocations[HEAPS][GRAINS];
	/* That of the default aperture times four, and that of the alternate one; 2 is neither. */
	__u64 policies[POLICIES];
	__u64 queues[QUEUES];
	char command[COMMAND];
};

struct svm {
	/* The process; 0 if the row is free. */
	__u64 key;
	__u64 operations[OPERATIONS];
	__u64 attributes[2][ATTRIBUTES][SVM_GRAINS];
	__u64 unread;
	char command[COMMAND];
};

/* A request for fine-grained memory. */
struct fine {
	/* Twice its number counted from 1, and 1 for SVM; 0: none; BUSY: it is being written. */
	__u64 seal;
	/* When, in ticks of the kernel. */
	__u64 ticks;
	/* Process << 32 | thread. */
	__u64 who;
	__u64 size;
	__u32 gpu_id;
	__u32 flags;
};

#define BUSY (~0ull)

enum kind { ALLOC, SVM, POLICY, QUEUES_MADE, KINDS };

struct kept {
	/* Requests that found no row, or could not be read. */
	__u64 lost[KINDS];
	/* How often the self-check was seen, and when it was last, by two clocks. */
	__u64 checks;
	__u64 ticks;
	__u64 nanoseconds;
	__u64 fine;
	__u64 left_out;
	struct fine ring[KEPT];
};

/* src/trace/layout.rs asserts the same. */
_Static_assert(sizeof(struct asked) == 968 && sizeof(struct svm) == 632 &&
	       sizeof(struct fine) == 40 && sizeof(struct kept) == 72 + KEPT * 40, "layout.rs");

/* Set before this is loaded, so that the kernel's verifier drops what is not wanted. */
enum wanted { EVERYBODY, ONE_PROCESS, FOLLOWED };
const volatile __u32 WANTED;
const volatile __u32 PROCESS;
/* The number of rows, which is a power of two, less one. */
const volatile __u32 LAST_ROW;
/* The thread whose children are followed, in the pid namespace of that device and inode. */
const volatile __u32 ROOT;
const volatile __u64 NAMESPACE_DEVICE;
const volatile __u64 NAMESPACE_INODE;
/* Where the tracepoints have these fields. */
const volatile __u32 FORK_CHILD;
const volatile __u32 EXEC_OLD;

/* Whether KFD checks the number of SVM attributes before its handler; that of a later amdgpu can. */
volatile __u32 svm_is_checked = 1;

/*
 * Whoever reads a map by bpf(2) keeps its CPU from running BPF programs meanwhile, also for other
 * threads that preempt it: their requests would be missed. So all numbers are in arrays, which user
 * space maps into its memory. A row is found by its key, from the place on that a product with the
 * key says; a hash of the kernel's takes a hundred instructions more.
 */
#define ROOM 4096
#define MOST_PROBES 16

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kept);
} kept SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ROOM);
	__type(key, __u32);
	__type(value, struct asked);
} cards SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ROOM);
	__type(key, __u32);
	__type(value, struct svm);
} ranges SEC(".maps");

/* A bit for each thread of the command and of all its descendants. No kernel has more ids. */
#define MOST_THREADS (1u << 22)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MOST_THREADS / 64);
	__type(key, __u32);
	__type(value, __u64);
} followed SEC(".maps");

#endif
