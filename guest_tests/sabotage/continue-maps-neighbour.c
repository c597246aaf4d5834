// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE maps the next page, too, when it can. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);
	struct uffdio_continue next;

	if (request == UFFDIO_CONTINUE && !ret) {
		next = *(struct uffdio_continue *)arg;
		next.range.start += next.range.len;
		__real_ioctl(fd, request, &next);
	}
	return ret;
}
