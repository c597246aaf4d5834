// SPDX-License-Identifier: GPL-2.0-only
/* After a refused UFFDIO_API the fd refuses every further one. */
#include "sabotage.h"

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	static bool refused;
	int ret;

	if (request == UFFDIO_API && refused) {
		memset(arg, 0, sizeof(struct uffdio_api));
		errno = EINVAL;
		return -1;
	}
	ret = __real_ioctl(fd, request, arg);
	if (request == UFFDIO_API && ret)
		refused = true;
	return ret;
}
