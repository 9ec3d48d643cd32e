// SPDX-License-Identifier: GPL-2.0
/*
 * Overrides open() and ioctl() for libhsakmt: the linker prefers the program's
 * own functions to the C library's. They pass on all calls but those of stand_in.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/kfd_ioctl.h>

#include "stand_in.h"

#define RENDER_NODE "/dev/dri/renderD"

enum stand_in stand_in;

/* Counts of KFD's ioctls. The last entry counts all ioctls without an entry. */
static struct call {
	const char *name;
	unsigned long request;
	/* from this step on the stand-in answers it */
	enum stand_in answered_from;
	unsigned int calls, failed;
	int error;
} calls[] = {
#define CALL(number, label, step) \
	{ .name = (label), .request = (number), .answered_from = (step) }
	CALL(AMDKFD_IOC_GET_VERSION, "get_version", STAND_INS),
	CALL(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, "get_process_apertures_new", STAND_INS),
	CALL(AMDKFD_IOC_ACQUIRE_VM, "acquire_vm", STAND_IN_ACQUIRE_VM),
	CALL(AMDKFD_IOC_SET_MEMORY_POLICY, "set_memory_policy", STAND_IN_MEMORY_POLICY),
	CALL(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, "alloc_memory_of_gpu", STAND_INS),
	CALL(0, "other", STAND_INS),
#undef CALL
};

#define CALLS (sizeof(calls) / sizeof(*calls))

static struct call *call_of(unsigned long request)
{
	struct call *call = calls;

	while (call < calls + CALLS - 1 && call->request != request)
		call++;
	return call;
}

int ioctl(int fd, unsigned long request, ...)
{
	struct call *call;
	va_list args;
	void *arg;
	int result;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (_IOC_TYPE(request) != AMDKFD_IOCTL_BASE)
		return syscall(SYS_ioctl, fd, request, arg);

	call = call_of(request);
	call->calls++;
	if (stand_in >= call->answered_from)
		return 0;
	result = syscall(SYS_ioctl, fd, request, arg);
	if (result < 0) {
		call->failed++;
		call->error = errno;
	}
	return result;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (stand_in >= STAND_IN_RENDER_NODE &&
	    !strncmp(path, RENDER_NODE, strlen(RENDER_NODE)))
		path = "/dev/null";
	return openat(AT_FDCWD, path, flags, mode);
}

void stand_in_print(void)
{
	for (const struct call *call = calls; call < calls + CALLS; call++) {
		bool ours = stand_in >= call->answered_from;

		if (call->calls)
			printf("record=ioctl name=%s answered_by=%s calls=%u failed=%u error=%d\n",
			       call->name, ours ? "stand_in" : "kernel",
			       call->calls, call->failed, call->error);
	}
}
