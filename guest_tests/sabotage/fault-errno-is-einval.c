// SPDX-License-Identifier: GPL-2.0-only
/* EFAULT is reported as EINVAL. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (ret && errno == EFAULT) {
		if (request == UFFDIO_CONTINUE)
			((struct uffdio_continue *)arg)->mapped = -EINVAL;
		errno = EINVAL;
	}
	return ret;
}
