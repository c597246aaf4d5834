// SPDX-License-Identifier: GPL-2.0-only
/* REGISTER leaves mapped what the page cache has, of the first 2 MiB. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg) && !ret) {
		struct uffdio_continue first = { };

		first.range.start = ((struct uffdio_register *)arg)->range.start;
		first.range.len = 2048 * 1024;
		__real_ioctl(fd, UFFDIO_CONTINUE, &first);
	}
	return ret;
}
