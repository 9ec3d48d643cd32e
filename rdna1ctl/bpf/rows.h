/* SPDX-License-Identifier: GPL-2.0 */
/* Selects the processes whose requests count, and finds the row of counters for a request. */
#ifndef ROWS_H
#define ROWS_H

#include "layout.h"

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

/* Whether the row has this key. Claims the row if it is free. */
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

/* Not inlined: most requests find their row at the first place, without a search. */
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

/*
 * Keeps a fine-grained request. Writers do not wait for each other: a writer that finds another one
 * at its entry drops its own request, and counts that in left_out.
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
	/* Ticks, because reading a clock would cost more than the rest of this function. */
	fine->ticks = bpf_jiffies64();
	fine->who = who;
	fine->size = size;
	fine->gpu_id = gpu_id;
	fine->flags = flags;
	barrier();
	*(volatile __u64 *)&fine->seal = seal;
}

#endif
