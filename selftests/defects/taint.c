// SPDX-License-Identifier: GPL-2.0
/* Defects that set a taint bit, by its letter. */

#include <linux/panic.h>

#include "plant.h"

#define TAINT(letter, flag)					\
	static void taint_##letter(void)			\
	{							\
		add_taint(flag, LOCKDEP_STILL_OK);		\
	}

TAINT(p, TAINT_PROPRIETARY_MODULE)
TAINT(f, TAINT_FORCED_MODULE)
TAINT(s, TAINT_CPU_OUT_OF_SPEC)
TAINT(r, TAINT_FORCED_RMMOD)
TAINT(m, TAINT_MACHINE_CHECK)
TAINT(b, TAINT_BAD_PAGE)
TAINT(u, TAINT_USER)
TAINT(d, TAINT_DIE)
TAINT(a, TAINT_OVERRIDDEN_ACPI_TABLE)
TAINT(w, TAINT_WARN)
TAINT(c, TAINT_CRAP)
TAINT(i, TAINT_FIRMWARE_WORKAROUND)
TAINT(l, TAINT_SOFTLOCKUP)
TAINT(k, TAINT_LIVEPATCH)
TAINT(x, TAINT_AUX)
TAINT(t, TAINT_RANDSTRUCT)
TAINT(n, TAINT_TEST)
TAINT(j, TAINT_FWCTL)

const struct defect taints[] = {
	{ "taint-p", taint_p },
	{ "taint-f", taint_f },
	{ "taint-s", taint_s },
	{ "taint-r", taint_r },
	{ "taint-m", taint_m },
	{ "taint-b", taint_b },
	{ "taint-u", taint_u },
	{ "taint-d", taint_d },
	{ "taint-a", taint_a },
	{ "taint-w", taint_w },
	{ "taint-c", taint_c },
	{ "taint-i", taint_i },
	{ "taint-l", taint_l },
	{ "taint-k", taint_k },
	{ "taint-x", taint_x },
	{ "taint-t", taint_t },
	{ "taint-n", taint_n },
	{ "taint-j", taint_j },
	{ }
};
