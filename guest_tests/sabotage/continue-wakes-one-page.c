// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE of several pages wakes waiters of the first half only. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct uffdio_continue *c = arg;
	uint64_t half;
	int ret;

	if (request != UFFDIO_CONTINUE || c->mode)
		return __real_ioctl(fd, request, arg);
	c->mode = UFFDIO_CONTINUE_MODE_DONTWAKE;
	ret = __real_ioctl(fd, request, arg);
	c->mode = 0;
	half = c->range.len / 2 & -(uint64_t)sysconf(_SC_PAGESIZE);
	if (!ret) {
		struct uffdio_range first = { c->range.start, half ? half : c->range.len };

		__real_ioctl(fd, UFFDIO_WAKE, &first);
	}
	return ret;
}
