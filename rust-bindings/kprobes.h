/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Rust sees of kprobes; the kernel crate has nothing of them. Kbuild alone runs bindgen over
 * this, with the arguments in kprobes.bindgen.
 */
#include <linux/kprobes.h>
