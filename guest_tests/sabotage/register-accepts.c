// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER refuses nothing. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	return request == UFFDIO_REGISTER ? 0 : ret;
}
