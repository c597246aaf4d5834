// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE returns 0 where it should give EFAULT, and leaves the structure alone. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	return request == UFFDIO_CONTINUE && ret && errno == EFAULT ? 0 : ret;
}
