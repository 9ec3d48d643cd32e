/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DEFECTS_PLANT_H
#define DEFECTS_PLANT_H

/* A defect, planted by the write that names it. */
struct defect {
	const char *name;
	void (*plant)(void);
};

/* The lists, one a subject, each ended by an entry without a name. */
extern const struct defect crashes[];
extern const struct defect memory_defects[];
extern const struct defect miscounts[];
extern const struct defect lock_defects[];
extern const struct defect stalls[];
extern const struct defect taints[];

#endif
