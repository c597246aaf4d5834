// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE maps a copy of the page. */
#include <stdlib.h>

#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct uffdio_continue *what = arg;
	int ret = __real_ioctl(fd, request, arg);
	char *at, *copy;

	if (request != UFFDIO_CONTINUE || ret)
		return ret;
	at = (char *)(uintptr_t)what->range.start;
	copy = malloc(what->range.len);
	if (!copy)
		return ret;
	memcpy(copy, at, what->range.len);
	if (mmap(at, what->range.len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at)
		memcpy(at, copy, what->range.len);
	free(copy);
	return ret;
}
