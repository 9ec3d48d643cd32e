/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers libhsakmt's calls that fail for a virtual card. These answers do not
 * affect what the library reports of a node: that comes from KFD's files only.
 */
#ifndef STAND_IN_H
#define STAND_IN_H

/* Each step includes those before it. */
enum stand_in {
	STAND_IN_NOTHING,
	/* /dev/dri/renderD*: any file that can be opened will do */
	STAND_IN_RENDER_NODE,
	/* AMDKFD_IOC_ACQUIRE_VM: KFD accepts only amdgpu's own files */
	STAND_IN_ACQUIRE_VM,
	/* AMDKFD_IOC_SET_MEMORY_POLICY: KFD requires an acquired address space */
	STAND_IN_MEMORY_POLICY,
	STAND_INS
};

extern enum stand_in stand_in;

/* Prints for each ioctl the number of calls, who answered, and the errors. */
void stand_in_print(void);

#endif
