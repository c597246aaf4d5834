// SPDX-License-Identifier: GPL-2.0-only
/* A refused UFFDIO_REGISTER clears the ioctls field. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg) && ret && errno == EINVAL)
		((struct uffdio_register *)arg)->ioctls = 0;
	return ret;
}
