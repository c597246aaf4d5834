// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_UNREGISTER returns 0 and does nothing. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	return request == UFFDIO_UNREGISTER ? 0 : __real_ioctl(fd, request, arg);
}
