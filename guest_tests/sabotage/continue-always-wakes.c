// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE ignores DONTWAKE. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_CONTINUE)
		((struct uffdio_continue *)arg)->mode &= ~UFFDIO_CONTINUE_MODE_DONTWAKE;
	return __real_ioctl(fd, request, arg);
}
