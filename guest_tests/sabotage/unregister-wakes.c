// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_UNREGISTER wakes all waiters, MINOR ones too. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_UNREGISTER && !ret)
		__real_ioctl(fd, UFFDIO_WAKE, arg);
	return ret;
}
