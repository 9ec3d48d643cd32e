// SPDX-License-Identifier: GPL-2.0
/* Defects that crash the kernel, or make it warn, at once. */

#include <asm/desc.h>
#include <linux/bug.h>
#include <linux/kobject.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "plant.h"

/* The address is in page 0, which is never mapped. */
static void null_pointer(void)
{
	int *pointer = NULL;

	OPTIMIZER_HIDE_VAR(pointer);
	pointer[2] = 1;
}

/* The address is not canonical, so the CPU faults. */
static void wild_pointer(void)
{
	unsigned long address = 0xdead000000000100UL;

	OPTIMIZER_HIDE_VAR(address);
	*(volatile int *)address = 1;
}

static void bug(void)
{
	BUG();
}

static void warn(void)
{
	WARN(1, "planted\n");
}

static void planted_panic(void)
{
	panic("defects: planted");
}

static noinline int recurse(int depth)
{
	volatile char room[512];

	memset((char *)room, depth, sizeof(room));
	OPTIMIZER_HIDE_VAR(depth);
	if (depth < 0)
		return room[7];
	return recurse(depth + 1) + room[depth % 512];
}

/* Needs far more than the 16 KiB of a kernel stack. */
static void stack_used_up(void)
{
	pr_info("%d\n", recurse(1));
}

static noinline void overrun(size_t length)
{
	char buffer[16];
	char *end = buffer;

	OPTIMIZER_HIDE_VAR(end);
	for (size_t i = 0; i < length; i++)
		end[i] = 'x';
	barrier_data(buffer);
}

/* Overwrites the stack canary of the function's own frame. */
static void stack_overrun(void)
{
	overrun(48);
}

static void stack_printed(void)
{
	dump_stack();
}

static void name_taken(void)
{
	struct kobject *first = kobject_create_and_add("defects", kernel_kobj);
	struct kobject *second = kobject_create_and_add("defects", kernel_kobj);

	kobject_put(second);
	kobject_put(first);
}

/* With an empty IDT no exception has a handler, not even a double fault. */
static void triple_fault(void)
{
	const struct desc_ptr none = { };

	native_load_idt(&none);
	asm volatile("int3");
}

const struct defect crashes[] = {
	{ "null-pointer", null_pointer },
	{ "wild-pointer", wild_pointer },
	{ "bug", bug },
	{ "warn", warn },
	{ "warn-survived", warn },
	{ "panic", planted_panic },
	{ "stack-used-up", stack_used_up },
	{ "stack-overrun", stack_overrun },
	{ "stack-printed", stack_printed },
	{ "name-taken", name_taken },
	{ "triple-fault", triple_fault },
	{ }
};
