/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DEFECTS_PLANT_H
#define DEFECTS_PLANT_H

/* A defect. Writing its name to the parameter `plant` calls `plant`. */
struct defect {
	const char *name;
	void (*plant)(void);
};

/* One list per subject. An entry without a name ends each list. */
extern const struct defect crashes[];
extern const struct defect memory_defects[];
extern const struct defect miscounts[];
extern const struct defect lock_defects[];
extern const struct defect stalls[];
extern const struct defect taints[];

#endif
