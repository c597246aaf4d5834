// SPDX-License-Identifier: GPL-2.0-only
/* CONTINUE ignores MODE_WP. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_CONTINUE)
		((struct uffdio_continue *)arg)->mode &= ~UFFDIO_CONTINUE_MODE_WP;
	return __real_ioctl(fd, request, arg);
}
