// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE maps the page and wakes nobody. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct uffdio_continue *c = arg;
	uint64_t mode;
	int ret;

	if (request != UFFDIO_CONTINUE)
		return __real_ioctl(fd, request, arg);
	mode = c->mode;
	c->mode |= UFFDIO_CONTINUE_MODE_DONTWAKE;
	ret = __real_ioctl(fd, request, arg);
	c->mode = mode;
	return ret;
}
