// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/kfd. The kernel's own KFD answers what it can without a card: its version,
 * the address ranges of a process, and clocks. It refuses what works on a card's
 * memory, since the virtual card has none: that is said to have worked.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/kfd_ioctl.h>

#include "stand_in.h"

/* Names a file: a line is added for each allocation. */
#define LOG "STAND_IN_LOG"
/* Each allocation has a part of the file, which begins at a multiple of this. */
#define ALIGNMENT (2ULL << 20)

static int real_ioctl(int real, unsigned long request, void *arg)
{
	return syscall(SYS_ioctl, real, request, arg);
}

static void log_allocation(const struct kfd_ioctl_alloc_memory_of_gpu_args *args)
{
	const char *path = getenv(LOG);
	FILE *log = path ? fopen(path, "ae") : NULL;

	if (!log)
		return;
	fprintf(log, "record=alloc gpu_id=%u size=%llu flags=0x%x\n", args->gpu_id,
		(unsigned long long)args->size, args->flags);
	fclose(log);
}

/* KFD is asked, too: whoever traces it sees the request. It has no memory to give. */
static int allocate(int real, struct kfd_ioctl_alloc_memory_of_gpu_args *args)
{
	static _Atomic uint64_t handles, used;
	struct kfd_ioctl_alloc_memory_of_gpu_args copy = *args;
	uint64_t size = (args->size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);

	log_allocation(args);
	if (!real_ioctl(real, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &copy))
		return stand_in_refuse("/dev/kfd", AMDKFD_IOC_ALLOC_MEMORY_OF_GPU,
				       "KFD gave memory of a virtual card");
	args->handle = atomic_fetch_add(&handles, 1) + 1;
	/* The program's own memory has its address there. */
	if (!(args->flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR))
		args->mmap_offset = atomic_fetch_add(&used, size);
	return 0;
}

/* Of no card: a virtual one has no clock that KFD could read. */
static int clocks(int real, struct kfd_ioctl_get_clock_counters_args *args)
{
	uint32_t gpu_id = args->gpu_id;
	int result;

	args->gpu_id = 0;
	result = real_ioctl(real, AMDKFD_IOC_GET_CLOCK_COUNTERS, args);
	args->gpu_id = gpu_id;
	args->gpu_clock_counter = args->cpu_clock_counter;
	return result;
}

int kfd_ioctl(int real, unsigned long request, void *arg)
{
	switch (request) {
	case AMDKFD_IOC_GET_VERSION:
	case AMDKFD_IOC_GET_PROCESS_APERTURES_NEW:
	case AMDKFD_IOC_SET_XNACK_MODE:
		return real_ioctl(real, request, arg);
	case AMDKFD_IOC_GET_CLOCK_COUNTERS:
		return clocks(real, arg);
	case AMDKFD_IOC_CREATE_EVENT:
	case AMDKFD_IOC_DESTROY_EVENT:
	case AMDKFD_IOC_SET_EVENT:
	case AMDKFD_IOC_RESET_EVENT:
	case AMDKFD_IOC_WAIT_EVENTS:
		return events_ioctl(request, arg);
	case AMDKFD_IOC_ALLOC_MEMORY_OF_GPU:
		return allocate(real, arg);
	case AMDKFD_IOC_MAP_MEMORY_TO_GPU: {
		struct kfd_ioctl_map_memory_to_gpu_args *args = arg;

		args->n_success = args->n_devices;
		return 0;
	}
	case AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU: {
		struct kfd_ioctl_unmap_memory_from_gpu_args *args = arg;

		args->n_success = args->n_devices;
		return 0;
	}
	case AMDKFD_IOC_ACQUIRE_VM:
	case AMDKFD_IOC_RUNTIME_ENABLE: /* for debuggers */
	case AMDKFD_IOC_FREE_MEMORY_OF_GPU:
	case AMDKFD_IOC_SET_MEMORY_POLICY:
	case AMDKFD_IOC_SET_SCRATCH_BACKING_VA:
	case AMDKFD_IOC_SET_TRAP_HANDLER:
		return 0;
	default:
		return stand_in_refuse("/dev/kfd", request, "not needed so far; answer it in kfd.c");
	}
}
