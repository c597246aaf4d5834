// SPDX-License-Identifier: GPL-2.0-only
/* WAKE returns 0 and wakes nobody. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	return request == UFFDIO_WAKE ? 0 : __real_ioctl(fd, request, arg);
}
