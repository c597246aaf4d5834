// SPDX-License-Identifier: GPL-2.0-only
/* Before UFFDIO_API the fd is already usable. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = __real_ioctl(fd, request, arg);

	if (ret && errno == EINVAL && (request == UFFDIO_REGISTER || request == UFFDIO_CONTINUE)) {
		struct uffdio_api api = { .api = UFFD_API };

		if (!__real_ioctl(fd, UFFDIO_API, &api))
			return __real_ioctl(fd, request, arg);
		errno = EINVAL;
	}
	return ret;
}
