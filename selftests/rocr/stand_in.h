/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stand-in answers a program in the place of a card's driver. README.md says
 * which answers are real.
 */
#ifndef STAND_IN_H
#define STAND_IN_H

#include <stddef.h>
#include <stdint.h>

/* stand_in.c: says what is refused, and why; gives -1, with errno set */
int stand_in_refuse(const char *device, unsigned long request, const char *why);

/* kfd.c: an ioctl of /dev/kfd, as ioctl() gives it. `real` is the kernel's own /dev/kfd. */
int kfd_ioctl(int real, unsigned long request, void *arg);

/* events.c: those of its requests that are about events */
int events_ioctl(unsigned long request, void *arg);

/* render.c: an ioctl of the render node with this minor number */
int render_ioctl(unsigned int minor, unsigned long request, void *arg);

#endif
