// SPDX-License-Identifier: GPL-2.0-only
/* COPY, ZEROPAGE and WRITEPROTECT refuse nothing. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (!ret)
		return 0;
	if (request == UFFDIO_COPY) {
		struct uffdio_copy *copy = arg;

		copy->copy = copy->len;
		return 0;
	}
	if (request == UFFDIO_ZEROPAGE) {
		struct uffdio_zeropage *zero = arg;

		zero->zeropage = zero->range.len;
		return 0;
	}
	return request == UFFDIO_WRITEPROTECT ? 0 : ret;
}
