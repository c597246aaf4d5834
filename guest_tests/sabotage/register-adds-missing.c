// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER adds MISSING to MINOR, and MINOR to MISSING. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (is_register(request, arg)) {
		struct uffdio_register wide = *(struct uffdio_register *)arg;

		wide.mode |= UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR;
		if (wide.mode == (UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR) &&
		    !__real_ioctl(fd, request, &wide)) {
			((struct uffdio_register *)arg)->ioctls = wide.ioctls;
			return 0;
		}
	}
	return __real_ioctl(fd, request, arg);
}
