// SPDX-License-Identifier: GPL-2.0
/*
 * Plants defects on request: write a name to
 * /sys/module/defects/parameters/plant. For test guests only: most defects crash
 * the kernel or leave it damaged.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/string.h>

#include "plant.h"

static const struct defect *const lists[] = {
	crashes, memory_defects, miscounts, lock_defects, stalls, taints,
};

static int plant_set(const char *text, const struct kernel_param *kp)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (const struct defect *d = lists[i]; d->name; d++) {
			if (!sysfs_streq(text, d->name))
				continue;
			pr_info("planting %s\n", d->name);
			d->plant();
			return 0;
		}
	}
	pr_err("no such defect: %s\n", text);
	return -EINVAL;
}

static const struct kernel_param_ops plant_ops = { .set = plant_set };

module_param_cb(plant, &plant_ops, NULL, 0200);
MODULE_PARM_DESC(plant, "name of a defect to plant now");

static int __init defects_init(void)
{
	return 0;
}
module_init(defects_init);

/* Empty: unload works even while a planted defect still uses this code. */
static void __exit defects_exit(void)
{
}
module_exit(defects_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Plants defects, for tests of a judge of boots");
