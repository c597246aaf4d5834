// SPDX-License-Identifier: GPL-2.0-only
/* A refused UFFDIO_API leaves the structure as it was. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct uffdio_api before;
	int ret;

	if (request != UFFDIO_API)
		return __real_ioctl(fd, request, arg);
	before = *(struct uffdio_api *)arg;
	ret = __real_ioctl(fd, request, arg);
	if (ret)
		*(struct uffdio_api *)arg = before;
	return ret;
}
