// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_API does not report EXACT_ADDRESS. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_API && !ret)
		((struct uffdio_api *)arg)->features &= ~(uint64_t)UFFD_FEATURE_EXACT_ADDRESS;
	return ret;
}
