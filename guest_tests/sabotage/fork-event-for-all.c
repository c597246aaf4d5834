// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_API gives EVENT_FORK to those without CAP_SYS_PTRACE. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct uffdio_api before, *api = arg;
	int ret;

	if (request != UFFDIO_API)
		return __real_ioctl(fd, request, arg);
	before = *api;
	ret = __real_ioctl(fd, request, arg);
	if (ret && errno == EPERM) {
		*api = before;
		api->features &= ~(uint64_t)UFFD_FEATURE_EVENT_FORK;
		ret = __real_ioctl(fd, request, arg);
	}
	return ret;
}
