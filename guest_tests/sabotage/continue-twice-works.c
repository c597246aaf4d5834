// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE of a page that is mapped returns 0. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_CONTINUE && ret && errno == EEXIST) {
		struct uffdio_continue *c = arg;

		c->mapped = c->range.len;
		return 0;
	}
	return ret;
}
