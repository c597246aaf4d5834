// SPDX-License-Identifier: GPL-2.0-only
/* WAKE wakes all waiters of the range registered last. */
#include "sabotage.h"

static struct uffdio_range range;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg))
		range = ((struct uffdio_register *)arg)->range;
	if (request == UFFDIO_WAKE && !ret)
		__real_ioctl(fd, request, &range);
	return ret;
}
