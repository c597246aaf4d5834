// SPDX-License-Identifier: GPL-2.0-only
/* A refused UFFDIO_REGISTER leaves the range registered, as MISSING. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (is_register(request, arg) && ret) {
		struct uffdio_register other = *(struct uffdio_register *)arg;
		int err = errno;

		other.mode = UFFDIO_REGISTER_MODE_MISSING;
		__real_ioctl(fd, UFFDIO_REGISTER, &other);
		errno = err;
	}
	return ret;
}
