// SPDX-License-Identifier: GPL-2.0
/*
 * A render node, as libdrm asks it on behalf of libhsakmt: who drives it, and
 * which device it is. No answer is about memory.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <drm/amdgpu_drm.h>
#include <drm/drm.h>

#include "stand_in.h"

static const char name[] = "amdgpu";

static void give_text(char *to, __kernel_size_t *length, const char *text)
{
	if (to)
		memcpy(to, text, *length < strlen(text) ? *length : strlen(text));
	*length = strlen(text);
}

static int version(struct drm_version *args)
{
	args->version_major = 3;
	args->version_minor = 64;
	args->version_patchlevel = 0;
	give_text(args->name, &args->name_len, name);
	give_text(args->date, &args->date_len, "0");
	give_text(args->desc, &args->desc_len, "stand-in");
	return 0;
}

/* A number of the card that this node belongs to, from sysfs. */
static unsigned int number_of_card(unsigned int minor, const char *file)
{
	unsigned int number = 0;
	char path[64];
	FILE *found;

	snprintf(path, sizeof(path), "/sys/dev/char/226:%u/device/%s", minor, file);
	found = fopen(path, "re");
	if (!found || fscanf(found, "%x", &number) != 1)
		fprintf(stderr, "stand-in: cannot read %s\n", path);
	if (found)
		fclose(found);
	return number;
}

static int give(const struct drm_amdgpu_info *args, const void *answer, size_t size)
{
	memcpy((void *)(uintptr_t)args->return_pointer, answer,
	       args->return_size < size ? args->return_size : size);
	return 0;
}

static int info(unsigned int minor, const struct drm_amdgpu_info *args)
{
	struct drm_amdgpu_info_device device = { 0 };
	uint32_t working = 1, none = 0;

	switch (args->query) {
	case AMDGPU_INFO_ACCEL_WORKING:
		return give(args, &working, sizeof(working));
	case AMDGPU_INFO_DEV_INFO:
		device.device_id = number_of_card(minor, "device");
		device.pci_rev = number_of_card(minor, "revision");
		return give(args, &device, sizeof(device));
	case AMDGPU_INFO_HW_IP_COUNT: /* video engines, for one */
		return give(args, &none, sizeof(none));
	case AMDGPU_INFO_READ_MMR_REG:
		memset((void *)(uintptr_t)args->return_pointer, 0, args->return_size);
		return 0;
	default:
		fprintf(stderr, "stand-in: query 0x%x of amdgpu:\n", args->query);
		return stand_in_refuse("render node", DRM_IOCTL_AMDGPU_INFO, "unknown query");
	}
}

int render_ioctl(unsigned int minor, unsigned long request, void *arg)
{
	switch (request) {
	case DRM_IOCTL_VERSION:
		return version(arg);
	case DRM_IOCTL_AMDGPU_INFO:
		return info(minor, arg);
	default:
		return stand_in_refuse("render node", request,
				       "not needed so far; answer it in render.c");
	}
}
