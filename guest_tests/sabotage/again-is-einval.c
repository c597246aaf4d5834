// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE gives EINVAL while an event is unread. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_CONTINUE && ret && errno == EAGAIN)
		errno = EINVAL;
	return ret;
}
