// SPDX-License-Identifier: GPL-2.0-only
/* A refused COPY, ZEROPAGE or WRITEPROTECT still resolves the fault. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);
	struct uffdio_continue c = { };
	int err = errno;

	if (request == UFFDIO_COPY)
		c.range = (struct uffdio_range){ ((struct uffdio_copy *)arg)->dst,
						 ((struct uffdio_copy *)arg)->len };
	else if (request == UFFDIO_ZEROPAGE || request == UFFDIO_WRITEPROTECT)
		c.range = *(struct uffdio_range *)arg;
	else
		return ret;
	__real_ioctl(fd, UFFDIO_CONTINUE, &c);
	errno = err;
	return ret;
}
