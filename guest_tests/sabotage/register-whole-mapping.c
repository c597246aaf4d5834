// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER registers the next huge page as well. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg) && !ret) {
		struct uffdio_register more = *(struct uffdio_register *)arg;

		more.range.start += more.range.len;
		__real_ioctl(fd, request, &more);
	}
	return ret;
}
