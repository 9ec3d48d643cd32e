/* SPDX-License-Identifier: GPL-2.0 */
/* Counts AMDKFD_IOC_SVM requests, which carry a list of attributes. */
#include "rows.h"

/* Counts an attribute of a set or a get. Returns the flags if they ask for fine grain, else 0. */
static INLINE __u32 attribute(__u64 counts[ATTRIBUTES][SVM_GRAINS], __u32 is_get,
			      const struct kfd_ioctl_svm_attribute *one)
{
	__u32 kind = at_most(one->type, OTHER_ATTRIBUTE), grain = 0, fine = 0;

	/* The values that a get passes in have no meaning. */
	if (!is_get && (kind == KFD_IOCTL_SVM_ATTR_SET_FLAGS ||
			kind == KFD_IOCTL_SVM_ATTR_CLR_FLAGS)) {
		grain = (one->value >> 1 & 1) | (one->value >> 6 & 2);
		if (kind == KFD_IOCTL_SVM_ATTR_SET_FLAGS && grain)
			fine = one->value;
	}
	add(&counts[kind][grain], 1);
	return fine;
}

/* The state while a request's attributes are counted. */
struct walk {
	struct svm *svm;
	/* The attributes after the first FIRST: their kernel address and their number. */
	__u64 data;
	__u32 count;
	__u32 is_get;
	/* Flags that ask for fine grain, or 0. */
	__u32 fine;
};

/* Counts a chunk of attributes. A callback of bpf_loop(), which the verifier checks only once. */
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

/* Counts the attributes that were read together with the request. */
static INLINE __u32 first_attributes(__u64 counts[ATTRIBUTES][SVM_GRAINS], __u32 is_get,
				     const struct kfd_ioctl_svm_attribute *first, __u32 count)
{
	__u32 fine = 0, flags;

	_Static_assert(FIRST == 3, "as many as below");
	/* A loop would be slower, and not every clang unrolls it. */
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
	/* Safe for a shorter request: KFD copies it into a buffer of 128 bytes on its stack. */
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
	/* Without KFD's check, a program could claim more attributes than it passed. */
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
