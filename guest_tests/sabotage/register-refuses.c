// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER does not know MODE_MINOR. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (is_register(request, arg) &&
	    ((struct uffdio_register *)arg)->mode & UFFDIO_REGISTER_MODE_MINOR) {
		errno = EINVAL;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}
