// SPDX-License-Identifier: GPL-2.0
/*
 * A library for LD_PRELOAD, by which the tests show that they can fail: a file whose
 * path ends in $OTHER_FILE is read from $OTHER_FILE_IS.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *place(const char *path)
{
	const char *end = getenv("OTHER_FILE"), *other = getenv("OTHER_FILE_IS");
	size_t length = strlen(path);

	if (!end || !other || length < strlen(end) || strcmp(path + length - strlen(end), end))
		return path;
	return other;
}

#define FOPEN(name) \
FILE *name(const char *path, const char *mode) \
{ \
	FILE *(*next)(const char *, const char *); \
\
	*(void **)&next = dlsym(RTLD_NEXT, #name); \
	return next ? next(place(path), mode) : NULL; \
}

FOPEN(fopen)
FOPEN(fopen64)
