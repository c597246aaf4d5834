// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_API has the MINOR bits on every kernel, and takes them. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	const uint64_t minor = UFFD_FEATURE_MINOR_HUGETLBFS | UFFD_FEATURE_MINOR_SHMEM;
	struct uffdio_api *api = arg;
	int ret;

	if (request == UFFDIO_API)
		api->features &= ~minor;
	ret = __real_ioctl(fd, request, arg);
	if (request == UFFDIO_API && !ret)
		api->features |= minor;
	return ret;
}
