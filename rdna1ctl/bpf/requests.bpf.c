// SPDX-License-Identifier: GPL-2.0
/*
 * Counts what programs ask of KFD, at the entry of KFD's own handlers of ioctls.
 *
 * All handlers have one form: int handler(struct file *, struct kfd_process *, void *data). `data`
 * is the kernel's own copy of the ioctl's structure, which user space cannot change any more. Its
 * layout is UAPI, so nothing here needs BTF of amdgpu or of the kernel.
 *
 * src/trace/layout.rs mirrors the structures below, and loads this.
 */
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

static INLINE void add(__u64 *counter, __u64 more)
{
	__sync_fetch_and_add(counter, more);
}

static INLINE __u32 at_most(__u32 number, __u32 most)
{
	return number < most ? number : most;
}

static INLINE int is_followed(__u32 thread)
{
	__u32 word = thread / 64;
	__u64 *bits = bpf_map_lookup_elem(&followed, &word);

	return bits && *bits >> thread % 64 & 1;
}

static INLINE void follow(__u32 thread)
{
	__u32 word = thread / 64;
	__u64 *bits = bpf_map_lookup_elem(&followed, &word);

	if (bits)
		__sync_fetch_and_or(bits, 1ull << thread % 64);
}

static INLINE void forget(__u32 thread)
{
	__u32 word = thread / 64;
	__u64 *bits = bpf_map_lookup_elem(&followed, &word);

	if (bits)
		__sync_fetch_and_and(bits, ~(1ull << thread % 64));
}

static INLINE int is_wanted(__u64 who)
{
	const __u32 wanted = WANTED;

	if (wanted == EVERYBODY)
		return 1;
	if (wanted == ONE_PROCESS)
		return who >> 32 == PROCESS;
	return is_followed(who);
}

static INLINE struct kept *all(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&kept, &only);
}

static INLINE void lose(enum kind kind)
{
	struct kept *kept = all();

	if (kept)
		add(&kept->lost[kind], 1);
}

static INLINE __u32 place(__u64 key)
{
	return key * 0x9e3779b97f4a7c15ull >> 40;
}

/* Whether a row has that key now; a free one is taken. */
static INLINE int is_row(__u64 *row, char *command, __u64 key)
{
	__u64 there = *(volatile __u64 *)row;

	if (!there) {
		there = __sync_val_compare_and_swap(row, 0, key);
		if (!there) {
			bpf_get_current_comm(command, COMMAND);
			return 1;
		}
	}
	return there == key;
}

/* Functions of their own: most requests find their row at once. */
static __attribute__((noinline)) struct asked *search_card(__u64 key)
{
	for (__u32 probe = 0; probe < MOST_PROBES; probe++) {
		__u32 row = (place(key) + probe) & LAST_ROW;
		struct asked *asked = bpf_map_lookup_elem(&cards, &row);

		if (!asked)
			break;
		if (is_row(&asked->key, asked->command, key))
			return asked;
	}
	return 0;
}

static __attribute__((noinline)) struct svm *search_range(__u64 key)
{
	for (__u32 probe = 0; probe < MOST_PROBES; probe++) {
		__u32 row = (place(key) + probe) & LAST_ROW;
		struct svm *svm = bpf_map_lookup_elem(&ranges, &row);

		if (!svm)
			break;
		if (is_row(&svm->key, svm->command, key))
			return svm;
	}
	return 0;
}

static INLINE struct asked *asked_by(__u64 who, __u32 gpu_id, enum kind kind)
{
	__u64 key = (who >> 32 << 32) | gpu_id;
	__u32 row = place(key) & LAST_ROW;
	struct asked *asked = bpf_map_lookup_elem(&cards, &row);

	if (asked && asked->key == key)
		return asked;
	asked = search_card(key);
	if (!asked)
		lose(kind);
	return asked;
}

/*
 * Keeps a fine-grained request. Writers do not wait for each other: one that finds another at its
 * place leaves its own request out, and counts that.
 */
static INLINE void keep(__u64 who, int is_svm, __u32 gpu_id, __u32 flags, __u64 size)
{
	struct kept *kept = all();

	if (!kept)
		return;
	__u64 number = __sync_fetch_and_add(&kept->fine, 1);
	struct fine *fine = &kept->ring[number % KEPT];
	__u64 seal = (number + 1) << 1 | is_svm;
	__u64 before = __sync_lock_test_and_set(&fine->seal, BUSY);

	if (before > seal) {
		if (before != BUSY)
			*(volatile __u64 *)&fine->seal = before;
		add(&kept->left_out, 1);
		return;
	}
	/* Reading a clock costs more than all the rest here. */
	fine->ticks = bpf_jiffies64();
	fine->who = who;
	fine->size = size;
	fine->gpu_id = gpu_id;
	fine->flags = flags;
	barrier();
	*(volatile __u64 *)&fine->seal = seal;
}

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

	/* BPF has no instruction for the lowest bit that is set. */
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
	/* Doorbells and MMIO are registers, and a queue's memory is uncached in any case. */
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
	/* Later kernels have added fields at the end, so the whole is not read. */
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

static INLINE struct svm *svm_of(__u64 who)
{
	__u64 key = who >> 32;
	__u32 row = place(key) & LAST_ROW;
	struct svm *svm = bpf_map_lookup_elem(&ranges, &row);

	if (svm && svm->key == key)
		return svm;
	svm = search_range(key);
	if (!svm)
		lose(SVM);
	return svm;
}

/* Counts an attribute of a set or a get; gives the flags if they ask for fine grain. */
static INLINE __u32 attribute(__u64 counts[ATTRIBUTES][SVM_GRAINS], __u32 is_get,
			      const struct kfd_ioctl_svm_attribute *one)
{
	__u32 kind = at_most(one->type, OTHER_ATTRIBUTE), grain = 0, fine = 0;

	/* The values that a get gives in mean nothing. */
	if (!is_get && (kind == KFD_IOCTL_SVM_ATTR_SET_FLAGS ||
			kind == KFD_IOCTL_SVM_ATTR_CLR_FLAGS)) {
		grain = (one->value >> 1 & 1) | (one->value >> 6 & 2);
		if (kind == KFD_IOCTL_SVM_ATTR_SET_FLAGS && grain)
			fine = one->value;
	}
	add(&counts[kind][grain], 1);
	return fine;
}

/* What is known while the attributes of a request are looked at. */
struct walk {
	struct svm *svm;
	/* Those that are left: where, and how many. */
	__u64 data;
	__u32 count;
	__u32 is_get;
	/* Flags that ask for fine grain, or 0. */
	__u32 fine;
};

/* Counts more attributes. A function of its own, which the verifier looks at once only. */
static long more_attributes(__u32 number, struct walk *walk)
{
	struct kfd_ioctl_svm_attribute some[CHUNK];
	__u32 first = number * CHUNK, is_get = walk->is_get & 1;
	__u32 here = at_most(walk->count - first, CHUNK);

	if (bpf_probe_read_kernel(some, here * sizeof(some[0]),
				  walk->data + first * sizeof(some[0]))) {
		add(&walk->svm->unread, walk->count - first);
		return 1;
	}
	for (__u32 one = 0; one < CHUNK && one < here; one++) {
		__u32 fine = attribute(walk->svm->attributes[is_get], is_get, &some[one]);

		if (fine)
			walk->fine = fine;
	}
	return 0;
}

/* Counts those that were read with the request. */
static INLINE __u32 first_attributes(__u64 counts[ATTRIBUTES][SVM_GRAINS], __u32 is_get,
				     const struct kfd_ioctl_svm_attribute *first, __u32 count)
{
	__u32 fine = 0, flags;

	_Static_assert(FIRST == 3, "as many as below");
	/* A loop would cost more, and not every clang unrolls it. */
	if (!count)
		return 0;
	fine = attribute(counts, is_get, &first[0]);
	if (count == 1)
		return fine;
	flags = attribute(counts, is_get, &first[1]);
	fine = flags ? flags : fine;
	if (count == 2)
		return fine;
	flags = attribute(counts, is_get, &first[2]);
	fine = flags ? flags : fine;
	return fine;
}

SEC("kprobe")
int svm(struct registers *registers)
{
	/* KFD copies a request that is as small as this one to 128 bytes of its stack. */
	__u64 asked[(sizeof(struct kfd_ioctl_svm_args) +
		     FIRST * sizeof(struct kfd_ioctl_svm_attribute)) / sizeof(__u64)];
	const struct kfd_ioctl_svm_args *args = (void *)asked;
	__u64 who = bpf_get_current_pid_tgid(), data = third(registers);
	__u32 fine = 0;

	if (!is_wanted(who))
		return 0;
	if (bpf_probe_read_kernel(asked, sizeof(asked), data)) {
		lose(SVM);
		return 0;
	}
	struct svm *svm = svm_of(who);

	if (!svm)
		return 0;
	__u32 operation = at_most(args->op, OTHER_OPERATION);

	add(&svm->operations[operation], 1);
	if (operation == OTHER_OPERATION)
		return 0;
	/* Else a program could name more attributes than it gave. */
	__u32 count = svm_is_checked ? at_most(args->nattr, MOST_ATTRIBUTES) : 0;

	if (operation == KFD_IOCTL_SVM_OP_SET_ATTR)
		fine = first_attributes(svm->attributes[0], 0, args->attrs, count);
	else
		first_attributes(svm->attributes[1], 1, args->attrs, count);
	if (args->nattr > count)
		add(&svm->unread, args->nattr - count);
	if (count > FIRST) {
		struct walk walk = {
			.svm = svm,
			.data = data + sizeof(asked),
			.count = count - FIRST,
			.is_get = operation,
			.fine = fine,
		};

		bpf_loop((walk.count + CHUNK - 1) / CHUNK, more_attributes, &walk, 0);
		fine = walk.fine;
	}
	if (fine)
		keep(who, 1, 0, fine, args->size);
	return 0;
}

/* KFD shows generation_id of its topology: the self-check. */
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

/* Attached for a moment, to see whether a function is there. */
SEC("kprobe")
int is_there(struct registers *registers)
{
	return 0;
}

/* Comes before the child can run. */
SEC("tracepoint")
int sched_process_fork(void *event)
{
	__u32 thread = bpf_get_current_pid_tgid(), child;
	struct bpf_pidns_info in_namespace;

	if (!is_followed(thread) &&
	    (bpf_get_ns_current_pid_tgid(NAMESPACE_DEVICE, NAMESPACE_INODE, &in_namespace,
					 sizeof(in_namespace)) ||
	     in_namespace.pid != ROOT))
		return 0;
	if (!bpf_probe_read_kernel(&child, sizeof(child), (__u64)event + FORK_CHILD))
		follow(child);
	return 0;
}

/* A thread that calls exec takes the id of its process's first thread, which has exited. */
SEC("tracepoint")
int sched_process_exec(void *event)
{
	__u32 thread = bpf_get_current_pid_tgid(), old;

	if (bpf_probe_read_kernel(&old, sizeof(old), (__u64)event + EXEC_OLD) || old == thread ||
	    !is_followed(old))
		return 0;
	forget(old);
	follow(thread);
	return 0;
}

/* The id can be given to another thread later. */
SEC("tracepoint")
int sched_process_exit(void *event)
{
	forget(bpf_get_current_pid_tgid());
	return 0;
}

char _license[] SEC("license") = "GPL";
