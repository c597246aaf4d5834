// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_API reports what was asked for and no more, and a bit too many ioctls. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	uint64_t asked = request == UFFDIO_API ? ((struct uffdio_api *)arg)->features : 0;
	int ret = __real_ioctl(fd, request, arg);

	if (request == UFFDIO_API && !ret) {
		struct uffdio_api *api = arg;

		if (asked)
			api->features = asked;
		api->ioctls |= 1ULL << 40;
	}
	return ret;
}
