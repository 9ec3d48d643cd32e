// SPDX-License-Identifier: GPL-2.0
/* Defects: corrupted lists and reference counts. */

#include <linux/list.h>
#include <linux/printk.h>
#include <linux/refcount.h>

#include "plant.h"

static LIST_HEAD(head);
static struct list_head one, two;

static void list_add_damaged(void)
{
	list_add_tail(&one, &head);
	one.next = &two;
	two.prev = &two;
	two.next = &two;
	list_add_tail(&two, &head);
}

static void list_del_twice(void)
{
	list_add_tail(&one, &head);
	list_del(&one);
	list_del(&one);
}

static void refcount_underflow(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	if (refcount_dec_and_test(&count))
		pr_info("counted down from nothing\n");
}

const struct defect miscounts[] = {
	{ "list-add-damaged", list_add_damaged },
	{ "list-del-twice", list_del_twice },
	{ "refcount-underflow", refcount_underflow },
	{ }
};
