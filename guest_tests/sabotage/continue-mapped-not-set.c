// SPDX-License-Identifier: GPL-2.0-only
/* A refused CONTINUE reports 0 in mapped. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_CONTINUE && ret)
		((struct uffdio_continue *)arg)->mapped = 0;
	return ret;
}
