// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE wakes before it writes to the structure, also when that gives EFAULT. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_CONTINUE && ret && errno == EFAULT) {
		struct uffdio_range range = ((struct uffdio_continue *)arg)->range;

		__real_ioctl(fd, UFFDIO_WAKE, &range);
		errno = EFAULT;
	}
	return ret;
}
