/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What libhsakmt asks for and a virtual card does not have. Nothing that is
 * stood in for is a source of what the library says of a node: that is all from
 * KFD's files.
 */
#ifndef STAND_IN_H
#define STAND_IN_H

/* Each stands in for what those before it do, and one thing more. */
enum stand_in {
	STAND_IN_NOTHING,
	/* /dev/dri/renderD*: any file that can be opened will do */
	STAND_IN_RENDER_NODE,
	/* AMDKFD_IOC_ACQUIRE_VM: KFD takes no file but amdgpu's own */
	STAND_IN_ACQUIRE_VM,
	/* AMDKFD_IOC_SET_MEMORY_POLICY: KFD wants the address space acquired */
	STAND_IN_MEMORY_POLICY,
	STAND_INS
};

extern enum stand_in stand_in;

/* Prints how often KFD was called, who answered, and with what. */
void stand_in_print(void);

#endif
