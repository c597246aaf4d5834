// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE does its work and says EEXIST. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_CONTINUE && !ret) {
		((struct uffdio_continue *)arg)->mapped = -EEXIST;
		errno = EEXIST;
		return -1;
	}
	return ret;
}
