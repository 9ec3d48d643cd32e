/* SPDX-License-Identifier: GPL-2.0 */
/* The data that the BPF programs keep. src/trace/layout.rs mirrors the structures. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "kernel.h"

#include <linux/kfd_ioctl.h>

/* The numbers of counters for requests that name a card: heaps, grains, policies, queue types. */
#define HEAPS 6
#define GRAINS 16
#define POLICIES 16
#define QUEUES 6

/* The flags of an allocation. KFD takes the first heap that is named, in the order of flags. */
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

/* AMDKFD_IOC_SVM names no card. It has an operation (set, get, other) and attributes. */
#define OPERATIONS 3
#define OTHER_OPERATION 2
#define ATTRIBUTES 9
#define OTHER_ATTRIBUTE 8
#define SVM_GRAINS 4
_Static_assert(KFD_IOCTL_SVM_OP_SET_ATTR == 0 && KFD_IOCTL_SVM_OP_GET_ATTR == 1 &&
	       KFD_IOCTL_SVM_ATTR_GRANULARITY == OTHER_ATTRIBUTE - 1, "SVM");
_Static_assert(KFD_IOCTL_SVM_FLAG_COHERENT == 2 && KFD_IOCTL_SVM_FLAG_EXT_COHERENT == 0x80,
	       "SVM flags");
/* The most attributes of one request that are counted, and the number that one read covers. */
#define MOST_ATTRIBUTES 64
#define CHUNK 4
/* The number of attributes that are read together with the request. */
#define FIRST 3

#define COMMAND 16
#define KEPT 32

struct asked {
	/* Process << 32 | KFD's id of the card; 0 in a free row. */
	__u64 key;
	__u64 allocations[HEAPS][GRAINS];
	/* Index: default aperture's policy * 4 + alternate aperture's; 2: any other policy. */
	__u64 policies[POLICIES];
	__u64 queues[QUEUES];
	char command[COMMAND];
};

struct svm {
	/* The process; 0 in a free row. */
	__u64 key;
	__u64 operations[OPERATIONS];
	__u64 attributes[2][ATTRIBUTES][SVM_GRAINS];
	__u64 unread;
	char command[COMMAND];
};

/* A request for fine-grained memory. */
struct fine {
	/* Twice the request's number (from 1), plus 1 for SVM; 0: empty; BUSY: incomplete. */
	__u64 seal;
	/* The time in ticks of the kernel. */
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
	/* Requests that found no free row, or that could not be read. */
	__u64 lost[KINDS];
	/* The number of self-checks that were seen, and the time of the last one by two clocks. */
	__u64 checks;
	__u64 ticks;
	__u64 nanoseconds;
	__u64 fine;
	__u64 left_out;
	struct fine ring[KEPT];
};

/* src/trace/layout.rs asserts the same sizes. */
_Static_assert(sizeof(struct asked) == 968 && sizeof(struct svm) == 632 &&
	       sizeof(struct fine) == 40 && sizeof(struct kept) == 72 + KEPT * 40, "layout.rs");

/* src/trace sets these before it loads the programs: the kernel's verifier drops unused code. */
enum wanted { EVERYBODY, ONE_PROCESS, FOLLOWED };
const volatile __u32 WANTED;
const volatile __u32 PROCESS;
/* The number of rows less one. The number of rows is a power of two. */
const volatile __u32 LAST_ROW;
/* The thread whose children are followed, in the pid namespace of this device and inode. */
const volatile __u32 ROOT;
const volatile __u64 NAMESPACE_DEVICE;
const volatile __u64 NAMESPACE_INODE;
/* The offsets of these fields in the tracepoints' records. */
const volatile __u32 FORK_CHILD;
const volatile __u32 EXEC_OLD;

/* Whether KFD checks the number of SVM attributes first. A reloaded amdgpu may differ. */
volatile __u32 svm_is_checked = 1;

/*
 * All counters are in arrays, which user space maps. A read by bpf(2) would keep BPF programs from
 * running on the reader's CPU, and they would miss requests of threads that preempt the reader.
 * The search for a key begins at the row that place() computes. A hash map of the kernel would take
 * a hundred more instructions.
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

/* One bit for each thread of the command and of its descendants. No kernel has larger ids. */
#define MOST_THREADS (1u << 22)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MOST_THREADS / 64);
	__type(key, __u32);
	__type(value, __u64);
} followed SEC(".maps");

#endif
