// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER first takes away what the range had. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (is_register(request, arg))
		__real_ioctl(fd, UFFDIO_UNREGISTER, &((struct uffdio_register *)arg)->range);
	return __real_ioctl(fd, request, arg);
}
