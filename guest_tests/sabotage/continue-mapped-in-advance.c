// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE says what it has mapped before it has. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_CONTINUE) {
		struct uffdio_continue *to = arg, c = *to;
		int ret;

		to->mapped = c.range.len;
		ret = __real_ioctl(fd, request, &c);
		to->mapped = c.mapped;
		return ret;
	}
	return __real_ioctl(fd, request, arg);
}
