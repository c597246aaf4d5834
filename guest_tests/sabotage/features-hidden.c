// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_API reports no MINOR bits. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_API && !ret) {
		struct uffdio_api *api = arg;

		api->features &= ~(uint64_t)(UFFD_FEATURE_MINOR_HUGETLBFS |
					     UFFD_FEATURE_MINOR_SHMEM);
	}
	return ret;
}
