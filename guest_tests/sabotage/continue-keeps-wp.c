// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE without MODE_WP maps a page protected that was so before. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	static struct uffdio_writeprotect protected;
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_WRITEPROTECT && !ret)
		protected = *(struct uffdio_writeprotect *)arg;
	if (request == UFFDIO_CONTINUE && !ret && protected.mode) {
		struct uffdio_writeprotect again = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };

		again.range = ((struct uffdio_continue *)arg)->range;
		__real_ioctl(fd, UFFDIO_WRITEPROTECT, &again);
	}
	return ret;
}
