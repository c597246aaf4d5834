// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_API forgets the features that were asked for. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == UFFDIO_API)
		((struct uffdio_api *)arg)->features &= 1ULL << 40 | 1ULL << 31;
	return __real_ioctl(fd, request, arg);
}
