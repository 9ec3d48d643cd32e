// SPDX-License-Identifier: GPL-2.0
/*
 * A library for LD_PRELOAD. A program that opens /dev/kfd or a render node is
 * given a sparse file in memory, which can be mapped anywhere. kfd.c and render.c
 * answer what it asks. The stand-in recognises the file by its inode.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <drm/drm.h>
#include <linux/kfd_ioctl.h>

#include "stand_in.h"

#define KFD "/dev/kfd"
#define RENDER_NODE "/dev/dri/renderD"
/* Beyond every offset that kfd.c gives. Only pages that are touched take memory. */
#define FILE_SIZE (1LL << 40)
#define MOST_DEVICES 16
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static struct device {
	char path[32];
	int file;
	dev_t filesystem;
	ino_t inode;
	/* /dev/kfd: the kernel's own, whose answers are handed on */
	int real;
	unsigned int minor;
} devices[MOST_DEVICES];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int stand_in_refuse(const char *device, unsigned long request, const char *why)
{
	fprintf(stderr, "stand-in: %s: request 0x%lx (number 0x%lx) is refused: %s\n", device,
		request, (unsigned long)_IOC_NR(request), why);
	errno = EINVAL;
	return -1;
}

static bool make_device(struct device *device, const char *path)
{
	struct stat found;

	device->real = -1;
	if (!strcmp(path, KFD)) {
		device->real = openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC);
		if (device->real < 0)
			return false;
	} else if (sscanf(path, RENDER_NODE "%u", &device->minor) != 1) {
		errno = ENOENT;
		return false;
	} else if (stat(path, &found)) {
		return false;
	}
	device->file = memfd_create(path + strlen("/dev/"), MFD_CLOEXEC);
	if (device->file < 0 || ftruncate(device->file, FILE_SIZE) ||
	    fstatat(device->file, "", &found, AT_EMPTY_PATH)) {
		fprintf(stderr, "stand-in: cannot make a file for %s\n", path);
		return false;
	}
	device->filesystem = found.st_dev;
	device->inode = found.st_ino;
	snprintf(device->path, sizeof(device->path), "%s", path);
	return true;
}

static int open_device(const char *path)
{
	struct device *device = devices;
	int fd = -1;

	pthread_mutex_lock(&lock);
	while (device < devices + LENGTH(devices) && *device->path && strcmp(device->path, path))
		device++;
	if (device == devices + LENGTH(devices))
		errno = EMFILE;
	else if (*device->path || make_device(device, path))
		fd = fcntl(device->file, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&lock);
	return fd;
}

/* The device that this file stands for, or NULL. A device never changes once it is made. */
static const struct device *device_of(int fd)
{
	const struct device *device = devices;
	struct stat found;
	int error = errno;

	/* fstat() itself is wrapped below. */
	if (fstatat(fd, "", &found, AT_EMPTY_PATH)) {
		errno = error;
		return NULL;
	}
	pthread_mutex_lock(&lock);
	while (device < devices + LENGTH(devices) && *device->path &&
	       (device->inode != found.st_ino || device->filesystem != found.st_dev))
		device++;
	if (device == devices + LENGTH(devices) || !*device->path)
		device = NULL;
	pthread_mutex_unlock(&lock);
	return device;
}

static int open_any(const char *path, int flags, mode_t mode)
{
	if (!strcmp(path, KFD) || !strncmp(path, RENDER_NODE, strlen(RENDER_NODE)))
		return open_device(path);
	return openat(AT_FDCWD, path, flags, mode);
}

/* mode_t is an int once it is an argument among others. */
#define OPEN(name) \
int name(const char *path, int flags, ...) \
{ \
	mode_t mode = 0; \
	va_list args; \
\
	if (flags & (O_CREAT | __O_TMPFILE)) { \
		va_start(args, flags); \
		mode = va_arg(args, unsigned int); \
		va_end(args); \
	} \
	return open_any(path, flags, mode); \
}

OPEN(open)
OPEN(open64)

/* A render node is told by its device number. struct stat64 is the same on this architecture. */
#define FSTAT(name, type) \
int name(int fd, type *found) \
{ \
	const struct device *device = device_of(fd); \
	int result = syscall(SYS_newfstatat, fd, "", found, AT_EMPTY_PATH); \
\
	if (!result && device && device->real < 0) { \
		found->st_mode = S_IFCHR | 0600; \
		found->st_rdev = makedev(226, device->minor); \
	} \
	return result; \
}

FSTAT(fstat, struct stat)
FSTAT(fstat64, struct stat64)

int ioctl(int fd, unsigned long request, ...)
{
	const struct device *device;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	device = device_of(fd);
	if (!device)
		return syscall(SYS_ioctl, fd, request, arg);
	if (device->real >= 0 && _IOC_TYPE(request) == AMDKFD_IOCTL_BASE)
		return kfd_ioctl(device->real, request, arg);
	if (device->real < 0 && _IOC_TYPE(request) == DRM_IOCTL_BASE)
		return render_ioctl(device->minor, request, arg);
	return stand_in_refuse(device->path, request, "not of this device");
}
