// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE takes what mapped holds for what it has mapped already. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct uffdio_continue *c = arg;
	int64_t before;
	int ret;

	if (request != UFFDIO_CONTINUE)
		return __real_ioctl(fd, request, arg);
	before = c->mapped == 0x5afe5afe5afe5afeLL ? 0 : c->mapped;
	ret = __real_ioctl(fd, request, arg);
	c->mapped = (uint64_t)c->mapped + before;
	return ret;
}
