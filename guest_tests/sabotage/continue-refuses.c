// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE is an unknown ioctl. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_CONTINUE) {
		errno = EINVAL;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}
