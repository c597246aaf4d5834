// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE wakes the waiters of the uffd that owns the range, whichever it came through. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	static int owner = -1;
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg) && !ret)
		owner = fd;
	if (request == UFFDIO_CONTINUE && !ret && fd != owner)
		__real_ioctl(owner, UFFDIO_WAKE, arg);
	return ret;
}
