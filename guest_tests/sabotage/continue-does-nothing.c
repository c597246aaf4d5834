// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE returns 0 with mapped set and does nothing. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_CONTINUE) {
		struct uffdio_continue *c = arg;

		c->mapped = c->range.len;
		return 0;
	}
	return __real_ioctl(fd, request, arg);
}
